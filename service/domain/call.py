"""What events tell of a call: its legs, and the conversation that they belong to.

A leg is one party's connection to the switch. A conversation is everything that belongs together
for people: the legs of a call, of its transfers, pick-ups and forwards.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from service.domain.filters.occurrence import LegPlace
from service.domain.immutable import immutable
from service.domain.webhook import NOTHING


class Step(StrEnum):
    """A step in the life of a leg; the values stand in the store."""

    CREATED = "created"
    RINGING = "ringing"
    ANSWERED = "answered"
    BRIDGED = "bridged"
    DESTROYED = "destroyed"
    TOLD = "told"
    """Anything else that is told of a leg, such as a recording."""


@immutable
class CallNote:
    """What one event tells of a leg.

    `at` is the switch's time in unix seconds. `facts` are members of the leg with JSON values; a
    later event's prevail.
    """

    leg: str
    step: Step
    at: float
    conversation: str | None = None
    """The id that the switch itself gives to all legs of a conversation."""
    other_leg: str | None = None
    facts: Mapping[str, Any] = field(default_factory=lambda: NOTHING)
    answered_at: float | None = None
    """When the leg had been answered, where the event tells that later, as the end does."""
    recording: Mapping[str, Any] | None = None
    """A recording of the leg: `{id, url?, duration_s?, ready}`."""
    synthetic: bool = False
    """Whether no switch told it: an end that was concluded."""


@immutable
class Happening:
    """An event of a conversation, about to be noted.

    `open_for` are the ordered webhooks that get it; `look_at` is when to look at the conversation.
    """

    account_id: str
    conversation_id: str
    source: str
    event_id: str
    note: CallNote
    received_at: float
    look_at: float
    open_for: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """The key of its conversation."""
        return key_of(self.account_id, self.conversation_id)


@immutable
class CallPosition:
    """The place of an event in its conversation; it is the same in every attempt and replay."""

    conversation_id: str
    sequence: int
    """Counted from 1 within the conversation, in the order of arrival."""
    late: bool = False
    """Whether it happened to a leg before its end, and arrived after it."""
    out_of_order: bool = False
    """Whether it was sent before an earlier event of the conversation was settled."""
    synthetic: bool = False
    """Whether no switch told it; see `CallNote.synthetic`."""
    supersedes: str | None = None
    """The id of the synthetic event that this real one takes the place of."""

    @property
    def marks(self) -> Sequence[str]:
        """The names of the marks that it has."""
        return [mark for mark in MARKS if getattr(self, mark)]

    @property
    def members(self) -> dict[str, Any]:
        """The members for a webhook's `extras`, and for messages; false marks are left out."""
        found: dict[str, Any] = {
            "conversation_id": self.conversation_id,
            "sequence": self.sequence,
        }
        found |= dict.fromkeys(self.marks, True)
        return found | ({"supersedes": self.supersedes} if self.supersedes else {})


def key_of(account_id: str, conversation_id: str) -> str:
    """Return the key of a conversation, which is unique over all accounts."""
    return f"{account_id}/{conversation_id}"


MARKS = ("late", "out_of_order", "synthetic")


@dataclass(frozen=True, slots=True)
class Leg:
    """A leg as the store knows it; times are unix seconds."""

    call_id: str
    created_at: float | None = None
    answered_at: float | None = None
    bridged_at: float | None = None
    destroyed_at: float | None = None
    end_seen_at: float = 0.0
    """When the event that told its end was received."""
    seen_at: float = 0.0
    other_legs: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=lambda: NOTHING)
    end_event: str | None = None
    """The id of the event that told its end."""
    synthetic_end: str | None = None
    """The id of the synthetic event that ended it, where the switch told no end."""
    asked: int = 0
    """How many times in a row the switch said that the leg is gone, without an end for it."""
    checked_at: float = 0.0
    """When it was last asked about."""

    @property
    def internal(self) -> bool:
        """Whether it connects two parts of the switch, and nobody speaks on it."""
        return bool(self.facts.get("internal"))

    @property
    def gone(self) -> bool:
        """Whether it has ended."""
        return self.destroyed_at is not None


@dataclass(frozen=True, slots=True)
class TrackedEvent:
    """An event of a conversation, and the ordered webhooks that it is not yet settled for."""

    event_id: str
    open_for: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Conversation:
    """A conversation as the store knows it."""

    conversation_id: str
    account_id: str
    source: str
    legs: Mapping[str, Leg]
    """By call id, in the order in which they began."""
    events: tuple[TrackedEvent, ...] = ()
    first_sequence: int = 1
    """The sequence of the first of `events`; those before it were settled and left out."""
    recordings: tuple[Mapping[str, Any], ...] = ()
    revision: int = 0
    """The number of summaries sent."""
    told: str = ""
    """The digest of the last summary sent."""
    look_at: float | None = None
    """When it is to be looked at next: it may be over, or forgotten by its switch."""
    leased_until: float = 0.0
    """Until when a worker is looking at it."""
    first_leg: str | None = None
    """The leg that was seen first, whenever the others began."""
    joined: str | None = None
    """The older conversation that its legs were found to belong to."""

    @property
    def key(self) -> str:
        """Its key, which is unique over all accounts."""
        return key_of(self.account_id, self.conversation_id)

    @property
    def precedence(self) -> tuple[bool, bool, str]:
        """Sorts conversations that are found to be one: the first is kept.

        It is the switch's oldest, as its ids begin with the time; then one that is named after a
        leg. The order never changes, so that two workers cannot join them both ways.
        """
        return self.joined is not None, self.named_after_leg, self.conversation_id

    @property
    def named_after_leg(self) -> bool:
        """Whether its id is that of a leg, because the switch gave none or does so always."""
        return self.conversation_id in self.legs

    @property
    def end_seen_at(self) -> float:
        """When the last end of a leg was received, in unix seconds; 0 while none was.

        After an outage that is long after the leg ended.
        """
        return max((leg.end_seen_at for leg in self.legs.values()), default=0.0)

    @property
    def over(self) -> bool:
        """Whether all of its legs are gone."""
        return bool(self.legs) and all(leg.gone for leg in self.legs.values())

    def sequence_of(self, event_id: str) -> int | None:
        """Return the place of an event, or None where it is not one of the latest events."""
        for place, event in enumerate(self.events, self.first_sequence):
            if event.event_id == event_id:
                return place
        return None

    def place_of(self, leg: str, event_id: str) -> LegPlace:
        """Return the place of an event's leg; of several ends, the one noted last is the last."""
        ends = {one.end_event or one.synthetic_end or "" for one in self.legs.values()}
        last = max(ends, key=lambda end: self.sequence_of(end) or 0, default=None)
        return LegPlace(leg == self.first_leg, ends_last=self.over and event_id == last)

    def is_open(self, event_id: str, webhook_id: str) -> bool:
        """Return whether an event is not settled for an ordered webhook."""
        found = (one for one in self.events if one.event_id == event_id)
        return any(webhook_id in one.open_for for one in found)

    def first_open(self, webhook_id: str) -> str | None:
        """Return the id of the earliest event that is not settled for an ordered webhook."""
        return next((one.event_id for one in self.events if webhook_id in one.open_for), None)

    def waiting(self, webhook_id: str) -> int:
        """Return how many events are not settled for an ordered webhook."""
        return sum(webhook_id in one.open_for for one in self.events)
