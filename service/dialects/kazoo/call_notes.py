"""What Kazoo's events tell of a call.

Names of members are those of `kapi_call.erl` and of the channel variables in its messages. Times
are whole gregorian seconds.
"""

from collections.abc import Mapping
from typing import Any

from service.dialects.kazoo.events.values import flag, integer, text
from service.domain.call import CallNote, Step
from service.domain.call_summary import BUSY, CANCELLED, MISSED
from service.domain.event import Event

STEPS = {
    "CHANNEL_CREATE": Step.CREATED,
    "CHANNEL_ANSWER": Step.ANSWERED,
    "CHANNEL_BRIDGE": Step.BRIDGED,
    "CHANNEL_DESTROY": Step.DESTROYED,
}
ENDS = {
    "USER_BUSY": BUSY,
    "ORIGINATOR_CANCEL": CANCELLED,
    **dict.fromkeys(
        ("NO_ANSWER", "NO_USER_RESPONSE", "ALLOTTED_TIMEOUT", "SUBSCRIBER_ABSENT",
         "USER_NOT_REGISTERED", "CALL_REJECTED", "NORMAL_CLEARING", "LOSE_RACE", "PICKED_OFF"),
        MISSED,
    ),
}  # fmt: skip
"""How an end without an answer counts, by FreeSWITCH's cause; any other counts as a failure."""
OWN_KINDS = frozenset({"device", "user", "mobile", "click2call", "conference"})
"""Values of `Authorizing-Type` of legs that the account's own people or apps began."""
VOICEMAILS = frozenset({"voicemail_new", "voicemail_saved"})
"""Notifications of a message that a caller left; they name the caller's leg."""
FAR_OFF_S = 86_400
"""A time that differs more from that of arrival is not believed."""


def call_note(event: Event, received_at: float) -> CallNote | None:
    """Return what an event of a leg tells, or a voicemail of its caller; None for others."""
    if event.call_id is not None and event.name in VOICEMAILS:
        facts = {"voicemail": event.fields.get("voicemail_id")}
        return CallNote(event.call_id, Step.TOLD, received_at, facts=_known(facts))
    body = event.message
    if body is None or event.call_id is None:
        return None
    found = body.get("Custom-Channel-Vars")
    variables = found if isinstance(found, dict) else {}
    step, at = STEPS.get(event.name, Step.TOLD), event.occurred_at
    if at is None or abs(at - received_at) > FAR_OFF_S:
        at = received_at
    synthetic = flag(body, "Synthetic")
    billing_s = integer(body, "Billing-Seconds") if step is Step.DESTROYED else None
    return CallNote(
        leg=event.call_id,
        step=step,
        at=at,
        conversation=text(variables, "Call-Interaction-ID") or text(body, "Interaction-ID"),
        other_leg=text(body, "Other-Leg-Call-ID"),
        # A synthetic end repeats what is known, and lacks what tells where a leg leads.
        facts={} if synthetic else _known(_facts(event, body, variables)),
        answered_at=at - float(billing_s) if billing_s else None,
        synthetic=synthetic,
    )


def _facts(
    event: Event, body: Mapping[str, Any], variables: Mapping[str, Any]
) -> Mapping[str, Any]:
    if event.hook == "parking":
        return {"parked": text(body, "Parking-Slot")}
    inbound = text(body, "Call-Direction") != "outbound"
    caller, called = text(body, "Caller-ID-Number"), _called(body)
    facts: dict[str, Any] = {
        "direction": text(body, "Call-Direction"),
        "from": caller,
        "to": called,
        "number": caller if inbound else called,
        "user_id": text(variables, "Owner-ID"),
        "device_id": _device(variables),
        "internal": bool(event.facts) or None,
        "outside": _is_outside(variables, inbound=inbound),
        "queue_id": text(variables, "Queue-ID"),
        "agent_id": text(variables, "Agent-ID"),
    }
    return facts | (_ended(body) if event.name == "CHANNEL_DESTROY" else {})


def _ended(body: Mapping[str, Any]) -> dict[str, Any]:
    cause = text(body, "Hangup-Cause")
    history = body.get("Transfer-History")
    return {
        "hangup_cause": cause,
        "sip_code": text(body, "Hangup-Code"),
        "ring_s": integer(body, "Ringing-Seconds"),
        "billing_s": integer(body, "Billing-Seconds"),
        "end": ENDS.get(cause or ""),
        "transfers": list(history.values()) if isinstance(history, dict) else None,
    }


def _device(variables: Mapping[str, Any]) -> str | None:
    kind = text(variables, "Authorizing-Type")
    return text(variables, "Authorizing-ID") if kind == "device" else None


def _is_outside(variables: Mapping[str, Any], *, inbound: bool) -> bool:
    """Return whether the leg leads to or from another network."""
    if inbound:
        return text(variables, "Authorizing-Type") not in OWN_KINDS
    return flag(variables, "Global-Resource") or text(variables, "Resource-ID") is not None


def _called(body: Mapping[str, Any]) -> str | None:
    for key in ("Callee-ID-Number", "Request", "To"):
        user = (text(body, key) or "").split("@", 1)[0]
        if user and user != "nouser":
            return user
    return None


def _known(facts: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in facts.items() if value is not None}
