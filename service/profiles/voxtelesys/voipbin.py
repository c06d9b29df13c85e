"""Requests of the profile from VoIPBIN's events and from the questions of its flows."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from service.domain.event import Event, event_id_of
from service.profiles.profile import Members, Payload, Step, Told
from service.profiles.voxtelesys.kinds import API_VERSION
from service.profiles.voxtelesys.statuses import (
    ANSWERED,
    COMPLETED,
    FAILED,
    RANKS,
    RINGING,
    VOIPBIN_REASONS,
    VOIPBIN_RECEIPTS,
    VOIPBIN_RECORDINGS,
)
from service.profiles.voxtelesys.values import (
    an_object,
    date_time,
    known,
    seconds_between,
    text,
)

NAME = "voipbin"
INBOUND, OUTBOUND = "inbound", "outbound"
STATUSES = {"call_ringing": RINGING, "call_progressing": ANSWERED}
DIRECTIONS = {"incoming": INBOUND, "outgoing": OUTBOUND}


def incoming_call(told: Told) -> Members:
    """Return the question of a flow, which tells neither number."""
    asked = told.payload
    members = {
        "CallSid": text(asked, "reference_id"),
        "AccountID": told.account_id,
        "CallStatus": RINGING,
        "ApiVersion": API_VERSION,
        "Vars": "{}",
        "SwitchhookDigits": text(asked, "Digits"),
    }
    return known(members)


def status(told: Told) -> Members:
    """Return the status callback of a call that rings, was answered, or has ended."""
    call = an_object(told.payload, "data")
    goes_on = STATUSES.get(text(told.payload, "type"))
    state = goes_on or _final(call)
    lasted = seconds_between(text(call, "tm_progressing"), text(call, "tm_hangup"))
    members = {
        "CallSid": text(call, "id"),
        "AccountID": text(call, "customer_id") or told.account_id,
        "From": text(an_object(call, "source"), "target"),
        "To": text(an_object(call, "destination"), "target"),
        "CallStatus": state,
        "ApiVersion": API_VERSION,
        "SwitchhookDirection": DIRECTIONS.get(text(call, "direction"), ""),
        "SwitchhookDuration": lasted if state == COMPLETED else "",
        "SwitchhookCause": "" if goes_on else text(call, "hangup_reason"),
    }
    return known(members)


def _final(call: Payload) -> str:
    """Return the status of a call that ended; one that was answered is completed."""
    if text(call, "tm_progressing"):
        return COMPLETED
    return VOIPBIN_REASONS.get(text(call, "hangup_reason"), FAILED)


def recording(told: Told) -> Members:
    """Return the recording callback."""
    recorded = an_object(told.payload, "data")
    state = VOIPBIN_RECORDINGS[text(told.payload, "type")]
    lasted = seconds_between(text(recorded, "tm_start"), text(recorded, "tm_end"))
    of_call = recorded.get("reference_type") == "call"
    members = {
        "CallSid": text(recorded, "reference_id") if of_call else "",
        "AccountID": text(recorded, "customer_id") or told.account_id,
        "ApiVersion": API_VERSION,
        "SwitchhookRecordingID": text(recorded, "id"),
        "SwitchhookRecordingStatus": state,
        "SwitchhookRecordingFormat": text(recorded, "format"),
        "SwitchhookRecordingDuration": lasted if state == COMPLETED else "",
    }
    return known(members)


def message(told: Told) -> Members | None:
    """Return an inbound message to one number; None for any other."""
    received = an_object(told.payload, "data")
    target = _only_target(received)
    if target is None or received.get("direction") != INBOUND:
        return None
    return {
        "type": "mo",
        "to": _number(target),
        "from": text(an_object(received, "source"), "target"),
        "body": text(received, "text"),
        "received_at": text(received, "tm_create") or date_time(told.received_at),
        "switchhook_message_id": text(received, "id"),
    }


def receipt(told: Told) -> Members | None:
    """Return the receipt of an outbound message to one number; None for any other."""
    sent = an_object(told.payload, "data")
    target = _only_target(sent)
    own = "" if target is None else text(target, "status")
    if target is None or sent.get("direction") != OUTBOUND or own not in VOIPBIN_RECEIPTS:
        return None
    message_id, state = text(sent, "id"), VOIPBIN_RECEIPTS[own]
    members: Members = {
        "type": "per_recipient",
        "batch_id": message_id,
        "message_id": message_id,
        "tag": "",
        "to": [_number(target)],
        "status": state,
        "time": text(sent, "tm_create") or date_time(told.received_at),
    }
    if state in ("failed", "unknown"):
        members["error"] = {"code": own, "description": f"VoIPBIN reports {own}"}
    return members


def parts_by_target(event: Event) -> Sequence[Event]:
    """Return an event for each target that has a place in the profile, its payload that alone.

    The event's id and the target make the id: it is the same for every redelivery.
    """
    data = an_object(event.fields, "data")
    make = message if event.hook == "message_created" else receipt
    parts = [_part(event, data, target) for target in _targets(data)]
    return [one for one in parts if make(Told(one.fields, "", 0.0)) is not None]


def step(source: str, hook_id: str, payload: Payload) -> Step | None:
    """Return the step of a receipt: its message and recipient, and the rank of its status."""
    if (source, hook_id) != (NAME, "message_updated"):
        return None
    members = receipt(Told(payload, "", 0.0))
    if members is None:
        return None
    return Step(f"{members['message_id']}/{members['to'][0]}", RANKS[members["status"]])


def sample_of_message(payload: Payload) -> Payload:
    """Return the sample of a message with one target, in the direction that the hook tells of."""
    updated = payload.get("type") == "message_updated"
    target = {
        "destination": {"type": "tel", "target": "+15550002222"},
        "status": "delivered" if updated else "received",
        "parts": 1,
    }
    direction = OUTBOUND if updated else INBOUND
    data = {**an_object(payload, "data"), "direction": direction, "targets": [target]}
    return {**payload, "data": data}


def _part(event: Event, data: Payload, target: Mapping[str, Any]) -> Event:
    own_id = event_id_of(f"{event.event_id}/target", _number(target).encode())
    fields = {**event.fields, "data": {**data, "targets": [target]}}
    return replace(event, event_id=own_id, fields=fields)


def _targets(data: Payload) -> list[Mapping[str, Any]]:
    listed = data.get("targets")
    return [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []


def _only_target(data: Payload) -> Mapping[str, Any] | None:
    found = _targets(data)
    return found[0] if len(found) == 1 else None


def _number(target: Mapping[str, Any]) -> str:
    return text(an_object(target, "destination"), "target")
