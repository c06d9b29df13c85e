"""Follows the calls of accounts that want it: gives every event its place in its conversation."""

import asyncio
import itertools
import time
import weakref
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from service.bounded import BoundedDict
from service.dialects.dialect import Dialects
from service.domain.call import (
    CallNote,
    CallPosition,
    Conversation,
    Happening,
    Leg,
    Step,
    key_of,
)
from service.domain.call_policy import CallPolicy
from service.domain.event import Event
from service.domain.filters.occurrence import LegPlace
from service.domain.immutable import immutable
from service.domain.webhook import Order, Webhook
from service.observability.metrics import Metrics
from service.pipeline.calls.notes import CallNotes
from service.pipeline.progress import Progress
from service.pipeline.recovery.availability import Availability
from service.pipeline.recovery.returned import Returned
from service.ports import Conversations

LOOK_EVERY_S = 0.05
MOST_LEGS = 50_000
RETURNED_S = 10.0
"""Longest wait for redelivered events that came before."""
LIVING = frozenset({Step.CREATED, Step.RINGING, Step.ANSWERED, Step.BRIDGED})


@immutable
class Followed:
    """An event's conversation after the event was added to it, and its place in it."""

    conversation: Conversation
    position: CallPosition
    place: LegPlace
    ends_leg: bool


@dataclass(frozen=True, slots=True)
class CallFollower:
    """Adds events to their conversations in the store, which all workers share."""

    dialects: Dialects
    conversations: Conversations
    notes: CallNotes
    availability: Availability
    policy: CallPolicy
    metrics: Metrics
    returned: Returned = field(default_factory=Returned)
    """Redelivered messages of the event lane."""
    clock: Callable[[], float] = time.time
    known: BoundedDict[tuple[str, str], str] = field(default_factory=lambda: BoundedDict(MOST_LEGS))
    """The conversation of each leg that this worker saw lately, by account and call id."""
    turns: weakref.WeakValueDictionary[tuple[str, str], asyncio.Lock] = field(
        default_factory=weakref.WeakValueDictionary
    )
    """Held while an event of the leg is noted, by account and call id."""
    early: dict[tuple[str, str], list[CallNote]] = field(default_factory=dict)
    """Events that wait for their predecessor, in the order of their arrival."""

    async def follow(
        self,
        event: Event,
        account_id: str,
        webhooks: Sequence[Webhook],
        received_at: float,
        progress: Progress,
    ) -> Followed | None:
        """Add the event to its conversation; None for one that tells nothing of a call.

        `webhooks` get the event. Where one of them is ordered, the events of a leg are added as the
        broker delivered them, and one that comes before its predecessor waits for that.
        """
        note = self.dialects.of(event.source).call_note(event, received_at)
        if note is None:
            return None
        ordered = tuple(one.webhook_id for one in webhooks if one.order is not Order.NONE)
        add = partial(self._added, event, account_id, note, ordered, received_at)
        if ordered:
            await self.returned.before(progress, RETURNED_S)
            conversation = await self._in_turn(account_id, note, add)
        else:
            conversation = await add()
        position = _position(conversation, event.event_id, note)
        if position.supersedes is not None:
            self.metrics.superseded_ends.inc()
        place = conversation.place_of(note.leg, event.event_id)
        return Followed(conversation, position, place, note.step is Step.DESTROYED)

    async def _in_turn(
        self, account_id: str, note: CallNote, add: Callable[[], Awaitable[Conversation]]
    ) -> Conversation:
        """Add an event after those of its leg that the broker delivered before it."""
        key = account_id, note.leg
        turn = self.turns.setdefault(key, asyncio.Lock())
        async with turn:
            if await self._may_come(key, note):
                return await add()
        # Its predecessor needs the turn.
        self.early.setdefault(key, []).append(note)
        try:
            await self._until_predecessor(key, note)
            return await add()
        finally:
            left = [one for one in self.early.pop(key) if one is not note]
            if left:
                self.early[key] = left

    async def _added(
        self,
        event: Event,
        account_id: str,
        note: CallNote,
        ordered: tuple[str, ...],
        received_at: float,
    ) -> Conversation:
        conversation_id = await self._conversation_of(account_id, note)
        happening = Happening(
            account_id,
            conversation_id,
            event.source,
            event.event_id,
            note,
            received_at,
            self._look_at(note),
            ordered,
        )
        conversation = await self.notes.add(happening)
        while conversation.joined is not None:
            self.known[account_id, note.leg] = conversation.joined
            happening = replace(happening, conversation_id=conversation.joined)
            conversation = await self.notes.add(happening)
        if conversation.over:
            await self._look_soon(conversation)
        return conversation

    def _look_at(self, note: CallNote) -> float:
        now, policy = self.clock(), self.policy
        if note.step not in LIVING:
            return now + policy.settle_s
        answered = note.step in (Step.ANSWERED, Step.BRIDGED)
        return now + (policy.quiet_answered_s if answered else policy.quiet_unanswered_s)

    async def _look_soon(self, conversation: Conversation) -> None:
        """Have a conversation that is over looked at once it is quiet, or after a longest time."""
        now, policy = self.clock(), self.policy
        latest = max(now, conversation.end_seen_at + policy.latest_summary_s)
        wanted = min(now + policy.settle_s, latest)
        if conversation.look_at is None or conversation.look_at > wanted + 0.001:
            key = conversation.key
            await self.availability.until_available(lambda: self.conversations.look(key, wanted))

    async def _conversation_of(self, account_id: str, note: CallNote) -> str:
        """Return the conversation of a leg: the switch's, that of a known leg, or a new one.

        The switch may give legs another id when they are connected to an older call. So its id is
        taken as it is only for a new leg, and for legs that are known by it.
        """
        legs = [leg for leg in (note.leg, note.other_leg) if leg is not None]
        known = {self.known.get((account_id, leg)) for leg in legs}
        found = known.pop() if len(known) == 1 else None
        if found is None and note.conversation is not None and note.step is Step.CREATED:
            found = note.conversation
        elif found is None or note.conversation not in (None, found):
            stored = await self._stored(account_id, legs, note.conversation)
            found = stored or note.conversation or note.leg
        # Another worker may know the other leg by another id; its next event here asks the store.
        self.known[account_id, note.leg] = found
        return found

    async def _stored(
        self, account_id: str, legs: Sequence[str], conversation_id: str | None
    ) -> str | None:
        """Return the conversation with one of the legs, or with the id.

        Several are joined to that which takes precedence.
        """
        found = await self.availability.until_available(
            lambda: self.conversations.of_legs(account_id, legs)
        )
        named = None if conversation_id is None else await self._named(account_id, conversation_id)
        if named is not None and all(one.key != named.key for one in found):
            found = sorted([*found, named], key=lambda one: one.precedence)
        if conversation_id is not None and found and found[0].named_after_leg:
            # `CallEnds` joins the two.
            return conversation_id
        for other in found[1:]:
            await self.availability.until_available(
                partial(self.conversations.join, found[0], other)
            )
        return found[0].conversation_id if found else None

    async def _named(self, account_id: str, conversation_id: str) -> Conversation | None:
        """Return the conversation with an id, or the one that it was joined to."""
        wanted: str | None = conversation_id
        conversation = None
        while wanted is not None:
            ask = partial(self.conversations.one, key_of(account_id, wanted))
            conversation = await self.availability.until_available(ask)
            wanted = None if conversation is None else conversation.joined
        return conversation if conversation is not None and conversation.legs else None

    async def _until_predecessor(self, key: tuple[str, str], note: CallNote) -> None:
        """Wait until what must come before the event is known, for a limited time.

        It waits for those that came earlier and wait themselves, too, whose time ends by itself.
        """
        deadline = self.clock() + self.policy.early_ms / 1000
        while not await self._may_come(key, note):
            if self.clock() >= deadline and not self._would_overtake(key, note):
                return
            await asyncio.sleep(LOOK_EVERY_S)

    async def _may_come(self, key: tuple[str, str], note: CallNote) -> bool:
        if note.step is Step.CREATED:
            return True
        if self._would_overtake(key, note):
            return False
        account_id, leg = key
        found = await self.availability.until_available(
            lambda: self.conversations.of_legs(account_id, [leg])
        )
        legs = (one.legs[leg] for one in found if leg in one.legs)
        return _follows(note, next(legs, None))

    def _would_overtake(self, key: tuple[str, str], note: CallNote) -> bool:
        """Return whether the broker delivered an event of the leg before, and that still waits.

        An end does not count for what it may wait for itself.
        """
        earlier = itertools.takewhile(lambda one: one is not note, self.early.get(key, ()))
        return any(one.step is not Step.DESTROYED or note.step not in LIVING for one in earlier)


def _follows(note: CallNote, leg: Leg | None) -> bool:
    """Return whether an event may come now: its leg was created, and answered if it had been."""
    if note.step is Step.TOLD:
        return True
    if leg is None or leg.created_at is None:
        return False
    ended_answered = note.step is Step.DESTROYED and note.answered_at is not None
    return not ended_answered or leg.answered_at is not None


def _position(conversation: Conversation, event_id: str, note: CallNote) -> CallPosition:
    sequence = conversation.sequence_of(event_id) or 0
    leg = conversation.legs.get(note.leg)
    end = None if leg is None else conversation.sequence_of(leg.end_event or "")
    late = note.step in LIVING and end is not None and end < sequence
    superseded = leg.synthetic_end if leg and leg.end_event == event_id else None
    return CallPosition(
        conversation.conversation_id,
        sequence,
        late=late,
        synthetic=note.synthetic,
        supersedes=superseded,
    )
