"""The service's own hooks and their payloads."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from service.dialects.bus_message import BusMessage, Occasion
from service.dialects.hook import Hook
from service.dialects.switchhook.samples import missed_call, summary, suspect
from service.domain.call_summary import INBOUND, INTERNAL, OUTBOUND, OUTCOMES
from service.domain.own_events import CALL_SUMMARY, CALL_SUSPECT, MISSED_CALL
from service.domain.webhook import OWN

NAME = OWN
Fields = Callable[[Occasion], dict[str, Any]]


def hooks() -> tuple[Hook, ...]:
    """Return the hooks, in the order of presentation."""
    return (
        _hook(
            CALL_SUMMARY,
            "Call summary",
            "A call is over: one event for all of its legs, with outcome, times, transfers and "
            "recordings. What comes later makes a new revision.",
            {**_HEAD, **_SUMMARY},
            ("event", "account_id", "conversation_id", "revision", "complete", "synthetic",
             "outcome", "direction", "legs"),
            summary,
        ),
        _hook(
            MISSED_CALL,
            "Missed call",
            "Somebody called and spoke to nobody: not answered, given up in a queue, or taken by "
            "a mailbox.",
            {**_HEAD, **{name: _SUMMARY[name] for name in _MISSED}},
            ("event", "account_id", "conversation_id", "outcome"),
            missed_call,
        ),
        _hook(
            CALL_SUSPECT,
            "Call without an end",
            "Nothing was told of a leg for long, and its switch cannot be asked about it.",
            {**_HEAD, **_SUSPECT},
            ("event", "account_id", "conversation_id", "call_id", "last_seen_at"),
            suspect,
        ),
    )  # fmt: skip


def _hook(
    hook_id: str,
    name: str,
    description: str,
    members: Mapping[str, Mapping[str, Any]],
    required: Sequence[str],
    fields: Fields,
) -> Hook:
    return Hook(
        hook_id=hook_id,
        name=name,
        description=description,
        source=NAME,
        binds=(),
        members=members,
        required=required,
        sample=partial(_sample, hook_id, fields),
        fixed={"event": hook_id},
    )


def _sample(hook_id: str, fields: Fields, occasion: Occasion) -> BusMessage:
    body = {"event": hook_id, "account_id": occasion.account_id, **fields(occasion)}
    return BusMessage(NAME, "direct", hook_id, body, {})


def _text(meaning: str, *values: str) -> dict[str, Any]:
    return {"type": "string", "description": meaning} | ({"enum": list(values)} if values else {})


def _time(meaning: str) -> dict[str, Any]:
    return {"type": "string", "format": "date-time", "description": f"{meaning} RFC 3339, UTC."}


def _seconds(meaning: str) -> dict[str, Any]:
    return {"type": "number", "description": f"{meaning} In seconds."}


_HEAD = {
    "event": _text("The hook."),
    "account_id": _text("Id of the account that the call belongs to."),
    "conversation_id": _text("Id that all legs of the call have in common."),
}
_SUMMARY: Mapping[str, Mapping[str, Any]] = {
    "revision": {"type": "integer", "description": "1, and one more with every correction."},
    "complete": {
        "type": "boolean",
        "description": "Whether nothing is missing: every end was told by the switch, every "
        "recording is ready.",
    },
    "synthetic": {
        "type": "boolean",
        "description": "Whether the end of a leg was concluded because the switch told none.",
    },
    "source": _text("The switch."),
    "started_at": _time("When the first leg began."),
    "answered_at": _time("When a called party answered; left out if nobody did."),
    "ended_at": _time("When the last leg ended."),
    "duration_s": _seconds("From the beginning to the end."),
    "ring_s": _seconds("Until the answer, or the end without one."),
    "talk_s": _seconds("In which at least two parties were connected."),
    "direction": _text("Seen from the account.", INBOUND, OUTBOUND, INTERNAL),
    "from": _text("Number of the calling party."),
    "to": _text("Number that was called."),
    "outcome": _text("How it ended.", *OUTCOMES),
    "ended_by": _text("Which side ended it, where the switch tells."),
    "hangup_cause": _text("Why the first leg ended, in the switch's words."),
    "sip_code": _text("The SIP status of that end."),
    "legs": {
        "type": "array",
        "items": {"type": "object"},
        "description": "The legs in the order of their beginning: `call_id direction number "
        "user_id device_id internal created_at answered_at destroyed_at duration_s ring_s "
        "billing_s hangup_cause sip_code bridged_to synthetic`.",
    },
    "transfers": {"type": "array", "items": {}, "description": "Transfers, as the switch tells."},
    "recordings": {
        "type": "array",
        "items": {"type": "object"},
        "description": "Recordings: `id url duration_s ready`.",
    },
    "queue": {"type": "object", "description": "The queue that the call waited in, if any."},
}
_MISSED = ("started_at", "ended_at", "ring_s", "direction", "from", "to", "hangup_cause",
           "outcome")  # fmt: skip
_SUSPECT = {
    "call_id": _text("The leg."),
    "last_seen_at": _time("When the last event of the leg came."),
    "detected_at": _time("When that was noticed."),
}
