"""Looks after legs of which nothing was told for long: asks the switch, never guesses.

A leg that its switch twice says is gone gets a synthetic end, so that receivers are not left with a
call that never ends. Nothing here ends a call.
"""

import time
from collections.abc import Awaitable, Callable
from hashlib import blake2b

import structlog

from service.dialects.dialect import Dialects
from service.domain.call import Conversation, Leg
from service.domain.call_policy import CallPolicy
from service.domain.event import Event
from service.domain.leg_state import LegState
from service.domain.own_events import CALL_SUSPECT, own_event
from service.observability.metrics import Metrics
from service.ports import Conversations, SwitchQuestions
from service.text.times import rfc3339

ASK_TWICE = 2

log = structlog.get_logger(__name__)


class CallWatchdog:
    """See `ends.Watchdog`."""

    def __init__(
        self,
        conversations: Conversations,
        switches: SwitchQuestions,
        dialects: Dialects,
        deliver: Callable[[Event], Awaitable[None]],
        metrics: Metrics,
        policy: CallPolicy,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._conversations = conversations
        self._switches = switches
        self._dialects = dialects
        self._deliver = deliver
        self._metrics = metrics
        self._policy = policy
        self._clock = clock

    async def look_after(self, conversation: Conversation) -> float:
        """See `ends.Watchdog`."""
        times = [
            await self._look_at(conversation, leg)
            for leg in conversation.legs.values()
            if not leg.gone
        ]
        return min(times, default=self._clock() + self._policy.quiet_answered_s)

    async def _look_at(self, conversation: Conversation, leg: Leg) -> float:
        """Ask about a leg if it is time; return when to look again."""
        due_at = self._due_at(leg)
        if due_at > self._clock():
            return due_at
        questions = self._dialects.of(conversation.source).leg_questions
        if questions is None or not self._policy.watchdog:
            await self._deliver(_suspect(conversation, leg, self._clock()))
            self._metrics.suspects.inc()
            return await self._noted(conversation, leg, 0)
        state = await self._switches.ask(conversation.source, leg.call_id)
        self._metrics.leg_questions[state].inc()
        asked = leg.asked + 1 if state is LegState.GONE else 0
        if asked < ASK_TWICE:
            return await self._noted(conversation, leg, asked)
        event_id = _event_id("no_end_seen", conversation, leg)
        log.warning(
            "leg.no_end_seen",
            call_id=leg.call_id,
            account_id=conversation.account_id,
            last_seen_at=rfc3339(leg.seen_at),
        )
        await self._deliver(questions.end(conversation, leg, event_id, self._clock()))
        self._metrics.synthetic_ends.inc()
        return self._clock() + self._policy.settle_s

    def _due_at(self, leg: Leg) -> float:
        if leg.asked:
            return leg.checked_at + self._policy.ask_again_s
        answered = leg.answered_at is not None
        policy = self._policy
        quiet_s = policy.quiet_answered_s if answered else policy.quiet_unanswered_s
        return max(leg.seen_at, leg.checked_at) + quiet_s

    async def _noted(self, conversation: Conversation, leg: Leg, asked: int) -> float:
        """Note how often in a row the leg was said to be gone; return when to ask again."""
        now = self._clock()
        await self._conversations.checked(conversation.key, leg.call_id, asked, now)
        if asked:
            return now + self._policy.ask_again_s
        answered = leg.answered_at is not None
        policy = self._policy
        return now + (policy.quiet_answered_s if answered else policy.quiet_unanswered_s)


def _suspect(conversation: Conversation, leg: Leg, now: float) -> Event:
    members = {
        "conversation_id": conversation.conversation_id,
        "call_id": leg.call_id,
        "last_seen_at": rfc3339(leg.seen_at),
        "detected_at": rfc3339(now),
    }
    event_id = _event_id(CALL_SUSPECT, conversation, leg)
    return own_event(CALL_SUSPECT, conversation.account_id, event_id, members)


def _event_id(kind: str, conversation: Conversation, leg: Leg) -> str:
    """Return the id that is the same whichever worker finds the leg, until it is seen again."""
    text = f"{kind}/{conversation.key}/{leg.call_id}/{leg.seen_at}"
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
