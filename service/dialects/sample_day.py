"""A day of calls to try the service with: messages in the order of the bus, and what is true."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from service.dialects.bus_message import BusMessage


@dataclass(frozen=True, slots=True)
class CallTruth:
    """What happened in a call, told by its author and not by its messages.

    Seconds are None where an end is lost, so that nobody can know them.
    """

    plot: str
    conversation_id: str
    outcome: str
    direction: str
    legs: Sequence[str]
    """The call ids of its legs, internal ones included, sorted."""
    ring_s: int | None
    talk_s: int | None
    transfers: Sequence[str]
    """The kinds of its transfers: `blind` or `attended`."""
    lost_ends: Sequence[str] = ()
    """The legs of which the switch never tells the end."""


@dataclass(frozen=True, slots=True)
class DayPlan:
    """Which day to make: the same plan makes the same day. `starts_at` is in unix seconds."""

    account_id: str
    calls: int
    seed: int
    starts_at: float


@dataclass(frozen=True, slots=True)
class SampleDay:
    """The messages of a day with the time of each in unix seconds, and the truth of each call."""

    messages: Sequence[tuple[float, BusMessage]]
    calls: Sequence[CallTruth]


MakeDay = Callable[[DayPlan], SampleDay]


def truth_members(truth: CallTruth) -> Mapping[str, Any]:
    """Return a truth as an object with JSON values."""
    return {
        "plot": truth.plot,
        "conversation_id": truth.conversation_id,
        "outcome": truth.outcome,
        "direction": truth.direction,
        "legs": list(truth.legs),
        "ring_s": truth.ring_s,
        "talk_s": truth.talk_s,
        "transfers": list(truth.transfers),
        "lost_ends": list(truth.lost_ends),
    }
