"""The summary of a conversation: what people want to know of a call once it is over."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import blake2b
from typing import Any

from service.domain.call import Conversation, Leg
from service.text.json_text import write_json
from service.text.times import rfc3339

ANSWERED, MISSED, BUSY, FAILED = "answered", "missed", "busy", "failed"
CANCELLED, VOICEMAIL, ABANDONED = "cancelled", "voicemail", "abandoned"
OUTCOMES = (ANSWERED, MISSED, BUSY, FAILED, CANCELLED, VOICEMAIL, ABANDONED)
INBOUND, OUTBOUND, INTERNAL = "inbound", "outbound", "internal"
MISSED_OUTCOMES = frozenset({MISSED, ABANDONED, VOICEMAIL})
"""Outcomes in which somebody called and spoke to nobody."""

LEG_MEMBERS = (
    "direction", "number", "user_id", "device_id", "hangup_cause", "sip_code", "ring_s",
    "billing_s",
)  # fmt: skip


def summary_of(conversation: Conversation) -> dict[str, Any]:
    """Return the summary of a conversation that is over, without its revision; times are RFC 3339.

    A member that is not known is left out.
    """
    legs = list(conversation.legs.values())
    first, spoken = legs[0], [leg for leg in legs if not leg.internal]
    started_at, ended_at = _started_at(legs), max(leg.destroyed_at or 0.0 for leg in legs)
    outcome = outcome_of(first, spoken)
    answered_at = _answered_at(first, spoken, outcome)
    recordings = list(conversation.recordings)
    synthetic = any(leg.synthetic_end for leg in legs)
    members = {
        "conversation_id": conversation.conversation_id,
        "complete": not synthetic and all(one.get("ready") for one in recordings),
        "synthetic": synthetic,
        "source": conversation.source,
        "started_at": rfc3339(started_at),
        "answered_at": None if answered_at is None else rfc3339(answered_at),
        "ended_at": rfc3339(ended_at),
        "duration_s": _seconds(ended_at - started_at),
        "ring_s": _seconds((ended_at if answered_at is None else answered_at) - started_at),
        "talk_s": _seconds(talk_s(spoken)) if outcome == ANSWERED else 0.0,
        "direction": direction_of(first, spoken),
        "from": first.facts.get("from"),
        "to": first.facts.get("to"),
        "outcome": outcome,
        "ended_by": _of_last(legs, "ended_by"),
        "hangup_cause": first.facts.get("hangup_cause"),
        "sip_code": first.facts.get("sip_code"),
        "legs": legs_of(conversation),
        "transfers": [one for leg in legs for one in leg.facts.get("transfers", ())],
        "recordings": recordings,
        "queue": _queue(first, spoken, ended_at if answered_at is None else answered_at),
    }
    return {name: value for name, value in members.items() if value is not None}


def legs_of(conversation: Conversation) -> list[dict[str, Any]]:
    """Return the legs of a conversation as a summary has them."""
    return [_leg(leg) for leg in conversation.legs.values()]


def digest_of(summary: Mapping[str, Any]) -> str:
    """Return a digest that changes with every member of a summary."""
    return blake2b(write_json(dict(summary)), digest_size=8).hexdigest()


def outcome_of(first: Leg, spoken: Sequence[Leg]) -> str:
    """Return one of OUTCOMES; `spoken` are the legs that people can speak on."""
    others = [leg for leg in spoken if leg is not first]
    if any(leg.answered_at is not None for leg in others):
        return ANSWERED
    if any(leg.facts.get("voicemail") for leg in (first, *others)):
        return VOICEMAIL
    if _was_queued((first, *others)):
        return ABANDONED
    if first.answered_at is not None and not others:
        return ANSWERED
    return _unanswered(first, others)


def _unanswered(first: Leg, others: Sequence[Leg]) -> str:
    """Return the outcome where nobody answered.

    The called parties' legs tell it; where their ends are lost, the caller's does. Whether the
    caller gave up is told by the caller's leg; where its end is lost, by the called parties'.
    """
    told = [leg for leg in others if "hangup_cause" in leg.facts]
    ends = [leg.facts.get("end") for leg in told or (first,)]
    tells = [first] if "hangup_cause" in first.facts else told
    if any(leg.facts.get("end") == CANCELLED for leg in tells):
        return MISSED if first.facts.get("outside") else CANCELLED
    if all(end == BUSY for end in ends):
        return BUSY
    rang = any(end in (MISSED, CANCELLED) for end in ends)
    return MISSED if rang or first.answered_at is not None else FAILED


def _was_queued(legs: Iterable[Leg]) -> bool:
    return any(leg.facts.get("queue_id") or leg.facts.get("agent_id") for leg in legs)


def _queue(first: Leg, spoken: Sequence[Leg], until: float) -> dict[str, Any] | None:
    """Return how long the caller waited in a queue, and for which agent; None without one."""
    if not _was_queued(spoken):
        return None
    since = first.created_at if first.answered_at is None else first.answered_at
    members = {
        "queue_id": first.facts.get("queue_id"),
        "wait_s": None if since is None else _seconds(until - since),
        "agent_id": _agent(spoken),
    }
    return {name: value for name, value in members.items() if value is not None}


def _agent(legs: Iterable[Leg]) -> str | None:
    """Return the agent that was the first to answer."""
    found = [(leg.answered_at, leg.facts.get("agent_id")) for leg in legs]
    answered = [(at, agent) for at, agent in found if at is not None and agent is not None]
    return min(answered)[1] if answered else None


def direction_of(first: Leg, spoken: Sequence[Leg]) -> str:
    """Return where a call came from: outside of the switch, from it to outside, or within it."""
    if first.facts.get("outside"):
        return INBOUND
    return OUTBOUND if any(leg.facts.get("outside") for leg in spoken) else INTERNAL


def talk_s(spoken: Sequence[Leg]) -> float:
    """Return the seconds in which at least two answered legs were there at once.

    Of a call with a single leg, which an application answered, its own answered seconds.
    """
    spans = [
        (leg.answered_at, leg.destroyed_at)
        for leg in spoken
        if leg.answered_at is not None and leg.destroyed_at is not None
    ]
    if len(spoken) == 1 and spans:
        return max(0.0, spans[0][1] - spans[0][0])
    return sum(_shared(spans))


def _shared(spans: Sequence[tuple[float, float]]) -> Iterator[float]:
    """Yield the lengths of the spans of time with at least two legs."""
    there, since = 0, 0.0
    steps = sorted([(start, 1) for start, _ in spans] + [(end, -1) for _, end in spans])
    for at, change in steps:
        if there >= 2:
            yield max(0.0, at - since)
        there, since = there + change, at


def _started_at(legs: Iterable[Leg]) -> float:
    return min(
        leg.created_at if leg.created_at is not None else leg.answered_at or leg.seen_at
        for leg in legs
    )


def _answered_at(first: Leg, spoken: Sequence[Leg], outcome: str) -> float | None:
    """Return when the first of the called parties answered; without one, when a voicemail box did.

    Of a call with a single leg, when an application answered it.
    """
    found = [leg.answered_at for leg in spoken if leg is not first and leg.answered_at is not None]
    if found:
        return min(found)
    return first.answered_at if outcome in (ANSWERED, VOICEMAIL) else None


def _leg(leg: Leg) -> dict[str, Any]:
    times = {
        "created_at": leg.created_at,
        "answered_at": leg.answered_at,
        "destroyed_at": leg.destroyed_at,
    }
    members: dict[str, Any] = {
        "call_id": leg.call_id,
        "internal": leg.internal or None,
        **{name: leg.facts.get(name) for name in LEG_MEMBERS},
        **{name: None if at is None else rfc3339(at) for name, at in times.items()},
        "duration_s": _span(leg),
        "bridged_to": list(leg.other_legs),
        "synthetic": True if leg.synthetic_end else None,
    }
    return {name: value for name, value in members.items() if value is not None}


def _span(leg: Leg) -> float | None:
    if leg.created_at is None or leg.destroyed_at is None:
        return None
    return _seconds(leg.destroyed_at - leg.created_at)


def _of_last(legs: Sequence[Leg], name: str) -> Any:
    """Return a fact of the leg that ended the conversation: the first to go with that fact."""
    known = [leg for leg in legs if leg.facts.get(name) is not None]
    return min(known, key=lambda leg: leg.destroyed_at or 0.0).facts[name] if known else None


def _seconds(value: float) -> float:
    return round(max(0.0, value), 3)
