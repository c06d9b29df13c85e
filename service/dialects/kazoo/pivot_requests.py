"""`pivot_req`: a callflow asks on the bus for a document, and Kazoo's pivot app answers.

We can answer in its place. The messages are those of `kapi_pivot.erl`, the members those of
`kzt_kazoo.erl` and `kzt_twiml.erl`, the call is written by `kapps_call.erl`. The callflow waits for
10 s without an event (`cf_pivot.erl`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from service import __version__
from service.dialects.binding import Binding
from service.dialects.kazoo.samples import encoded
from service.dialects.switch_question import SwitchQuestion
from service.dialects.targeted import TARGETED, targeted
from service.domain.errors import RejectedMessage, RejectReason
from service.domain.reply import Reply
from service.text.json_text import write_json

CALL_EVENTS = "callevt"
BINDING = Binding("callmgr", "topic", ("pivot.req.*",))
MOST_S = 7.0
"""What is left of the callflow's 10 s for an answer, after the queue's 2 s."""

KAZOO: Mapping[str, str] = {
    "Account-ID": "Account-ID",
    "Call-ID": "Call-ID",
    "Caller-ID-Name": "Caller-ID-Name",
    "Caller-ID-Number": "Caller-ID-Number",
    "From": "From-User",
    "From-Realm": "From-Realm",
    "To": "To-User",
    "To-Realm": "To-Realm",
    "Request": "Request-User",
    "Request-Realm": "Request-Realm",
    "User-ID": "Owner-ID",
    "Language": "Language",
    "Custom-Application-Vars": "Custom-Application-Vars",
    "Custom-SIP-Headers": "Custom-SIP-Headers",
}
"""Members of the format `kazoo`, each with its name in the call."""
KAZOO_STORED: Mapping[str, str] = {
    "Call-Status": "call_status",
    "Recording-Url": "recording_url",
    "Recording-Duration": "recording_duration",
    "Recording-ID": "recording_sid",
    "Transcription-ID": "transcription_sid",
    "Transcription-Text": "transcription_text",
    "Transcription-Status": "transcription_status",
    "Transcription-Url": "transcription_url",
}
"""The same for what the call keeps in its store of values."""
TWIML: Mapping[str, str] = {
    "AccountSid": "Account-ID",
    "CallSid": "Call-ID",
    "CallerName": "Caller-ID-Name",
    "CallerNumber": "Caller-ID-Number",
    "From": "From-User",
    "FromRealm": "From-Realm",
    "To": "To-User",
    "ToRealm": "To-Realm",
}
TWIML_STORED: Mapping[str, str] = {
    "CallStatus": "call_status",
    "RecordingUrl": "recording_url",
    "RecordingDuration": "recording_duration",
    "RecordingSid": "recording_sid",
    "TranscriptionSid": "transcription_sid",
    "TranscriptionText": "transcription_text",
    "TranscriptionStatus": "transcription_status",
    "TranscriptionUrl": "transcription_url",
}


@dataclass(frozen=True, slots=True)
class PivotRequests:
    """The `SwitchQuestions` of Kazoo. `documents_by` is the exchange that documents go to."""

    documents_by: Literal["callevt", "targeted"]
    binding: Binding = BINDING

    @property
    def publishes_on(self) -> Sequence[str]:
        """See `SwitchQuestions`."""
        return tuple(dict.fromkeys((TARGETED, self.documents_by)))

    def read(self, body: Mapping[str, Any]) -> SwitchQuestion:
        """See `SwitchQuestions`."""
        call = body.get("Call")
        if not isinstance(call, dict):
            raise RejectedMessage(RejectReason.MISSING_FIELD, "Call must be an object")
        call_id, asker = _text(call, "Call-ID"), _text(call, "Controller-Queue")
        return SwitchQuestion(
            question_id=f"{call_id}/{_text(body, 'Msg-ID')}",
            url=_text(body, "Voice-URI"),
            members=_members(call, body.get("Request-Format") or "twiml"),
            budget_s=_budget_s(body.get("Request-Timeout")),
            answered=partial(self._answered, asker, call_id),
            declined=(_told(asker, call_id, "failed"),),
        )

    def _answered(self, asker: str, call_id: str, document: bytes) -> Sequence[Reply]:
        """Return that the request is taken, which lets the callflow wait, and the document."""
        event = {
            **_headers("call_event", "CHANNEL_PIVOT", call_id),
            "Application-Data": document.decode(),
        }
        body = write_json(event)
        taken = _told(asker, call_id, "processing")
        if self.documents_by == TARGETED:
            return taken, targeted(asker, body)
        return taken, Reply(CALL_EVENTS, f"call.CHANNEL_PIVOT.{encoded(call_id)}", body)


def _members(call: Mapping[str, Any], form: object) -> dict[str, Any]:
    """Return what Kazoo's pivot app would send; values that are missing are left out.

    The digits are the last that pivot collected itself, or an object by collection.
    """
    store = call.get("Key-Value-Store")
    stored = store if isinstance(store, dict) else {}
    of_call, of_store = (KAZOO, KAZOO_STORED) if form == "kazoo" else (TWIML, TWIML_STORED)
    constant = {"Api-Version": "4.x"} if form == "kazoo" else {"ApiVersion": "2010-04-01"}
    found = {
        **{name: call.get(theirs) for name, theirs in of_call.items()},
        **constant,
        "Direction": "inbound",
        **{name: stored.get(theirs) for name, theirs in of_store.items()},
        "Digits": stored.get("digit_pressed") or stored.get("dtmf_collections"),
    }
    return {name: value for name, value in found.items() if value not in (None, "", {})}


def _budget_s(timeout_ms: object) -> float:
    if type(timeout_ms) is not int or timeout_ms <= 0:
        return MOST_S
    return min(MOST_S, timeout_ms / 1000)


def _told(asker: str, call_id: str, what: str) -> Reply:
    return targeted(asker, write_json(_headers("pivot", what, call_id)))


def _headers(category: str, name: str, call_id: str) -> dict[str, str]:
    return {
        "App-Name": "switchhook",
        "App-Version": __version__,
        "Event-Category": category,
        "Event-Name": name,
        "Server-ID": "",
        "Call-ID": call_id,
    }


def _text(body: Mapping[str, Any], name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not value:
        raise RejectedMessage(RejectReason.MISSING_FIELD, f"{name} must be a text")
    return value
