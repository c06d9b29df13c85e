"""What VoIPBIN's events tell of a call.

A call of VoIPBIN is a leg. `master_call_id` names the leg that began the conversation, and
`chained_call_ids` those that it called.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from service.dialects.voipbin.resource import ZERO_UUID
from service.domain.call import CallNote, Step
from service.domain.call_summary import BUSY, CANCELLED, FAILED, MISSED
from service.domain.event import Event

STEPS = {
    "call_created": (Step.CREATED, "tm_create"),
    "call_dialing": (Step.CREATED, "tm_create"),
    "call_ringing": (Step.RINGING, "tm_ringing"),
    "call_progressing": (Step.ANSWERED, "tm_progressing"),
    "call_hangup": (Step.DESTROYED, "tm_hangup"),
}
ENDS = {
    "busy": BUSY,
    "cancel": CANCELLED,
    "failed": FAILED,
    **dict.fromkeys(("normal", "timeout", "noanswer", "dialout", "amd"), MISSED),
}
"""How an end without an answer counts, by `hangup_reason`."""
RECORDINGS = frozenset({"recording_started", "recording_finished"})
NEVER = "9999-01-01"
"""The day with which VoIPBIN's older services write a time that is not set."""
FAR_OFF_S = 86_400
"""A time that differs more from that of arrival is not believed."""


def call_note(event: Event, received_at: float) -> CallNote | None:
    """Return what an event tells of a call; None for one without a call."""
    data = event.fields.get("data")
    if event.call_id is None or not isinstance(data, dict):
        return None
    if event.name in RECORDINGS:
        return _recorded(event.call_id, event.name, data, received_at)
    if not event.hook.startswith("call_"):
        return None
    step, member = STEPS.get(event.name, (Step.TOLD, "tm_update"))
    answered = _time(data.get("tm_progressing"), None)
    return CallNote(
        leg=event.call_id,
        step=step,
        at=_time(data.get(member), received_at) or received_at,
        conversation=_id(data.get("master_call_id")) or event.call_id,
        facts={name: value for name, value in _facts(data, step).items() if value is not None},
        answered_at=answered if step is Step.DESTROYED else None,
        synthetic=data.get("synthetic") is True,
    )


def _facts(data: Mapping[str, Any], step: Step) -> Mapping[str, Any]:
    incoming = data.get("direction") == "incoming"
    caller, called = data.get("source"), data.get("destination")
    facts = {
        "direction": "inbound" if incoming else "outbound",
        "from": _member(caller, "target"),
        "to": _member(called, "target"),
        "number": _member(caller if incoming else called, "target"),
        "user_id": _id(data.get("owner_id")),
        "outside": _member(caller if incoming else called, "type") == "tel",
    }
    if step is not Step.DESTROYED:
        return facts
    reason = data.get("hangup_reason")
    return facts | {
        "hangup_cause": reason,
        "ended_by": data.get("hangup_by"),
        "end": ENDS.get(str(reason)),
    }


def _recorded(
    call_id: str, name: str, data: Mapping[str, Any], received_at: float
) -> CallNote | None:
    recording_id = _id(data.get("id"))
    if recording_id is None:
        return None
    began, ended = _time(data.get("tm_start"), None), _time(data.get("tm_end"), None)
    recording: dict[str, Any] = {"id": recording_id, "ready": name == "recording_finished"}
    if began is not None and ended is not None:
        recording["duration_s"] = round(ended - began, 3)
    return CallNote(leg=call_id, step=Step.TOLD, at=received_at, recording=recording)


def _time(value: Any, received_at: float | None) -> float | None:
    """Return a `tm_` member in unix seconds, in either of VoIPBIN's forms; None if not set."""
    if str(value).startswith(NEVER):
        return received_at
    try:
        found = datetime.fromisoformat(str(value))
    except ValueError:
        return received_at
    at = (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
    far_off = received_at is not None and abs(at - received_at) > FAR_OFF_S
    return received_at if far_off else at


def _id(value: Any) -> str | None:
    return value if isinstance(value, str) and value not in ("", ZERO_UUID) else None


def _member(address: Any, name: str) -> str | None:
    value = address.get(name) if isinstance(address, dict) else None
    return value if isinstance(value, str) else None
