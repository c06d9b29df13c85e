"""Looks at conversations whose time has come: sends the summary of one that is over."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from hashlib import blake2b
from typing import Protocol

import structlog

from service.domain.call import Conversation, Leg
from service.domain.call_policy import CallPolicy
from service.domain.call_summary import INBOUND, INTERNAL, MISSED_OUTCOMES, digest_of, summary_of
from service.domain.errors import Unavailable
from service.domain.event import Event
from service.domain.own_events import CALL_SUMMARY, MISSED_CALL, own_event
from service.observability.metrics import Metrics
from service.ports import Conversations

LEASE_S = 15.0
BUSY_PAUSE_S, IDLE_PAUSE_S = 0.1, 0.5
MOST_AT_ONCE = 50
MISSED_MEMBERS = (
    "conversation_id", "started_at", "ended_at", "ring_s", "direction", "from", "to",
    "hangup_cause", "outcome",
)  # fmt: skip

log = structlog.get_logger(__name__)

Deliver = Callable[[Event], Awaitable[None]]
"""Delivers an event of our own; returns once each delivery is finished, or in a queue."""


class Watchdog(Protocol):
    """Asks about legs of which nothing was told for long."""

    async def look_after(self, conversation: Conversation) -> float:
        """Ask where it is time; return when to look again, in unix seconds."""


class CallEnds:
    """Sends summaries, and has the watchdog look at conversations that are not over.

    A worker that is killed leaves the conversation to another, which sends the same event again.
    """

    def __init__(
        self,
        conversations: Conversations,
        deliver: Deliver,
        watchdog: Watchdog,
        metrics: Metrics,
        policy: CallPolicy,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._conversations = conversations
        self._deliver = deliver
        self._watchdog = watchdog
        self._metrics = metrics
        self._policy = policy
        self._clock = clock

    async def run(self) -> None:
        """Look at what is due, until cancelled."""
        while True:
            found = 0
            try:
                found = await self._look()
            except Unavailable as error:
                log.warning("calls.unavailable", error=str(error))
            await asyncio.sleep(BUSY_PAUSE_S if found else IDLE_PAUSE_S)

    async def _look(self) -> int:
        now = self._clock()
        due = await self._conversations.due(now, now + LEASE_S, MOST_AT_ONCE)
        await asyncio.gather(*(self._look_at(one) for one in due))
        return len(due)

    async def _look_at(self, conversation: Conversation) -> None:
        try:
            if await self._joins_others(conversation):
                return
            if conversation.over:
                await self._sum_up(conversation)
            else:
                again = await self._watchdog.look_after(conversation)
                await self._conversations.look(conversation.key, again)
        except Unavailable as error:
            # It stays due: the lease ends.
            log.warning("calls.unavailable", error=str(error))
        except Exception:
            log.exception("calls.bug", conversation_id=conversation.conversation_id)

    async def _joins_others(self, conversation: Conversation) -> bool:
        """Join conversations that share a leg; whether there were any.

        Workers that saw two legs at the same moment may each have begun a conversation.
        """
        others = [leg for one in conversation.legs.values() for leg in one.other_legs]
        legs = list({*conversation.legs, *others})
        found = await self._conversations.of_legs(conversation.account_id, legs)
        if len(found) < 2:
            return False
        kept = found[0]
        for other in found[1:]:
            await self._conversations.join(kept, other)
        await self._conversations.look(kept.key, self._clock() + self._policy.settle_s)
        return True

    async def _sum_up(self, conversation: Conversation) -> None:
        """Send the summary, unless the same one was sent already."""
        summary = summary_of(conversation)
        digest, revision = digest_of(summary), conversation.revision
        if digest != conversation.told:
            revision += 1
            await self._deliver(_summary_event(conversation, revision, summary))
            self._metrics.summaries.labels(str(summary["outcome"])).inc()
            if revision == 1 and _is_missed(summary):
                await self._deliver(_missed_event(conversation, summary))
        await self._conversations.told(conversation, revision, digest)


def _summary_event(conversation: Conversation, revision: int, summary: dict[str, object]) -> Event:
    event_id = _event_id(CALL_SUMMARY, conversation, str(revision))
    members = {"conversation_id": conversation.conversation_id, "revision": revision, **summary}
    return own_event(CALL_SUMMARY, conversation.account_id, event_id, members)


def _missed_event(conversation: Conversation, summary: dict[str, object]) -> Event:
    event_id = _event_id(MISSED_CALL, conversation, "1")
    first: Leg = next(iter(conversation.legs.values()))
    members = {name: summary[name] for name in MISSED_MEMBERS if name in summary}
    return own_event(
        MISSED_CALL, conversation.account_id, event_id, {**members, "call_id": first.call_id}
    )


def _is_missed(summary: dict[str, object]) -> bool:
    return summary["outcome"] in MISSED_OUTCOMES and summary["direction"] in (INBOUND, INTERNAL)


def _event_id(hook: str, conversation: Conversation, part: str) -> str:
    """Return the id that is the same whichever worker sends the event, and however often."""
    text = f"{hook}/{conversation.key}/{part}"
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
