"""Requests of the profile from Kazoo's payloads and from the questions of its pivot."""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from service.domain.event import Event
from service.profiles.profile import Members, Payload, Told
from service.profiles.voxtelesys.kinds import API_VERSION, UNKNOWN_ERROR
from service.profiles.voxtelesys.statuses import (
    ANSWERED,
    CALLS_THAT_ASK,
    COMPLETED,
    FAILED,
    KAZOO_CAUSES,
    KAZOO_FAXES,
    KAZOO_RECORDINGS,
    RINGING,
)
from service.profiles.voxtelesys.values import an_object, date_time, known, text
from service.text.gregorian import GREGORIAN_OFFSET_S
from service.text.json_text import write_json

NAME = "kazoo"
VARIABLES, DIGITS = "Custom-Application-Vars", "Digits"
STATUSES = {"channel_create": RINGING, "channel_answer": ANSWERED}
RECORDING_TYPE = "call_recording"
SAMPLE_OF_RECORDING = {
    "id": "202404-9d3c7c2b5f6e4e0b8a2f1d0c9b8a7f6e",
    "action": "doc_created",
    "type": RECORDING_TYPE,
}
SAMPLE_OF_FAX = {
    "event_name": "outbound_fax",
    "event_category": "notification",
    "fax_id": "202403-3513f829b23ce4ec8e4bc372701a0cae",
    "caller_id_number": "+15554566778",
    "callee_id_number": "+16282037452",
    "fax_timestamp": 63_877_497_874,
    "fax_info": {"fax_success": True, "fax_total_pages": "2"},
}


def incoming_call(told: Told) -> Members:
    """Return the question of a pivot, whichever of its two formats it has."""
    asked = told.payload
    state, inputs = text(asked, "Call-Status", "CallStatus"), _named(asked, DIGITS)
    members = {
        "CallSid": text(asked, "Call-ID", "CallSid"),
        "AccountID": text(asked, "Account-ID", "AccountSid") or told.account_id,
        "From": text(asked, "Caller-ID-Number", "CallerNumber", "From"),
        "To": text(asked, "To", "Request"),
        "CallStatus": CALLS_THAT_ASK.get(state, RINGING),
        "ApiVersion": API_VERSION,
        "Vars": write_json(_variables(asked, inputs)).decode(),
        "SwitchhookDigits": text(asked, DIGITS) or _only(inputs),
        "SwitchhookRecordingID": text(asked, "Recording-ID", "RecordingSid"),
        "SwitchhookRecordingURL": text(asked, "Recording-Url", "RecordingUrl"),
        "SwitchhookRecordingDuration": _number(
            asked.get("Recording-Duration") or asked.get("RecordingDuration")
        ),
    }
    return known(members)


def _variables(asked: Payload, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Return the call's variables; those of an input are below its name, as the vendor has it."""
    return {**_named(asked, VARIABLES), **{name: {"digits": one} for name, one in inputs.items()}}


def _named(asked: Payload, member: str) -> dict[str, Any]:
    """Return a member with names inside: an object in JSON, `member[name]` in a form."""
    prefix = f"{member}["
    flat = {
        key[len(prefix) : -1]: value
        for key, value in asked.items()
        if key.startswith(prefix) and key.endswith("]")
    }
    return {**an_object(asked, member), **flat}


def status(told: Told) -> Members:
    """Return the status callback of a leg that rings, was answered, or has ended."""
    leg = told.payload
    state = STATUSES.get(text(leg, "hook_event")) or _final(leg)
    members = {
        "CallSid": text(leg, "call_id"),
        "AccountID": text(leg, "account_id") or told.account_id,
        "From": text(leg, "caller_id_number") or _user(text(leg, "from")),
        "To": text(leg, "callee_id_number") or _user(text(leg, "to")),
        "CallStatus": state,
        "ApiVersion": API_VERSION,
        "SwitchhookDirection": text(leg, "call_direction"),
        "SwitchhookDuration": _number(leg.get("billing_seconds")) if state == COMPLETED else "",
        "SwitchhookCause": text(leg, "hangup_cause"),
    }
    return known(members)


def _final(leg: Payload) -> str:
    """Return the status of a leg that ended; one that was answered is completed."""
    answered_s = leg.get("billing_seconds")
    if isinstance(answered_s, int) and answered_s > 0:
        return COMPLETED
    return KAZOO_CAUSES.get(text(leg, "hangup_cause"), FAILED)


def message(told: Told) -> Members | None:
    """Return an inbound message; None for one that a phone of the account sent."""
    received = told.payload
    if received.get("direction") == "outbound":
        return None
    return {
        "type": "mo",
        "to": text(received, "to"),
        "from": text(received, "from"),
        "body": _body(received),
        "received_at": date_time(told.received_at),
        "switchhook_message_id": text(received, "id"),
    }


def _body(received: Payload) -> str:
    """Return the text of a message; that of an MMS whose parts are listed, if it has any."""
    body = text(received, "body")
    if received.get("type") != "mms" or not body.startswith("["):
        return body
    try:
        parts = orjson.loads(body)
    except orjson.JSONDecodeError:
        return body
    texts = [
        text(part, "body")
        for part in parts
        if isinstance(part, dict) and text(part, "content_type").startswith("text/plain")
    ]
    return "\n".join(texts) if texts else body


def fax(told: Told) -> Members | None:
    """Return a fax that is over; None for its progress and for changes of its document."""
    sent = told.payload
    found = KAZOO_FAXES.get(text(sent, "event_name"))
    if found is None:
        return None
    direction, state = found
    inbound, info = direction == "inbound", an_object(sent, "fax_info")
    members: Members = {
        "type": "fax",
        "id": text(sent, "fax_id", "fax_jobid"),
        "direction": direction,
        "to": text(sent, "to_user") if inbound else text(sent, "callee_id_number"),
        "from": text(sent, "caller_id_number", "from_user"),
        "status": state,
        "time": date_time(_unix_seconds(sent.get("fax_timestamp"), told.received_at)),
        "pages": _number(info.get("fax_total_pages")) or "0",
        "duration": "0",
    }
    if state == FAILED:
        reason = text(sent, "fax_error") or text(info, "fax_result_text") or "unknown"
        members["error"] = {"code": UNKNOWN_ERROR, "description": reason}
    return members


def recording(told: Told) -> Members | None:
    """Return a recording that is complete; None for any other change of an object.

    Kazoo creates the document of a recording when the recording stops (`kz_media_recording.erl`).
    The change has no more than its id.
    """
    changed = told.payload
    state = KAZOO_RECORDINGS.get(text(changed, "action"))
    if state is None or changed.get("type") != RECORDING_TYPE:
        return None
    return {
        "AccountID": text(changed, "account_id") or told.account_id,
        "ApiVersion": API_VERSION,
        "SwitchhookRecordingID": text(changed, "id"),
        "SwitchhookRecordingStatus": state,
    }


def parts_with_place(event: Event) -> Sequence[Event]:
    """Return the event alone, or nothing where it has no place in the profile."""
    told = Told(event.fields, event.account_id or "", 0.0)
    make = {"fax": fax, "object": recording}.get(event.hook, message)
    return (event,) if make(told) is not None else ()


def sample_of_fax(payload: Payload) -> Payload:
    """Return a fax that was sent, in place of the progress of one."""
    return {"account_id": text(payload, "account_id"), **SAMPLE_OF_FAX}


def sample_of_recording(payload: Payload) -> Payload:
    """Return a recording that is complete, in place of another change of an object."""
    return {**payload, **SAMPLE_OF_RECORDING}


def _only(inputs: Mapping[str, Any]) -> str:
    """Return the digits of an input that is the only one."""
    return _number(next(iter(inputs.values()))) if len(inputs) == 1 else ""


def _user(address: str) -> str:
    return address.partition("@")[0]


def _number(value: Any) -> str:
    return str(value) if isinstance(value, int | str) and not isinstance(value, bool) else ""


def _unix_seconds(gregorian: Any, otherwise: float) -> float:
    if isinstance(gregorian, int) and gregorian > GREGORIAN_OFFSET_S:
        return float(gregorian - GREGORIAN_OFFSET_S)
    return otherwise
