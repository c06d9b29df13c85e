"""Looks at conversations whose time has come: sends the summary of one that is over."""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
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
KEEP_EVERY_S = 5.0
BUSY_PAUSE_S, IDLE_PAUSE_S = 0.1, 0.5
MOST_AT_ONCE = 50
"""Looks under way, apart from slow ones, whose receivers do not answer."""
SLOW_AFTER_S = 1.0
MOST_SLOW = 20
"""Slow looks of an account, before no more of its conversations are looked at."""
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


@dataclass(frozen=True, slots=True)
class Look:
    """A look at a conversation of the account that is under way, since unix seconds."""

    account_id: str
    began: float


class CallEnds:
    """Sends summaries, and has the watchdog look at conversations that are not over.

    A look ends when the receivers have answered; those of other accounts do not wait for it. A
    worker that is killed leaves the conversation to another, which sends the same event again.
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
        self._looks: dict[str, Look] = {}

    async def run(self) -> None:
        """Look at what is due, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._keep(), name="keep conversations")
            while True:
                begun = 0
                try:
                    begun = await self._begin(tasks)
                except Unavailable as error:
                    log.warning("calls.unavailable", error=str(error))
                await asyncio.sleep(BUSY_PAUSE_S if begun else IDLE_PAUSE_S)

    async def _keep(self) -> None:
        """Keep other workers from what is being looked at here."""
        while True:
            await asyncio.sleep(KEEP_EVERY_S)
            if self._looks:
                try:
                    await self._conversations.keep(list(self._looks), self._clock() + LEASE_S)
                except Unavailable as error:
                    log.warning("calls.unavailable", error=str(error))

    async def _begin(self, tasks: asyncio.TaskGroup) -> int:
        """Begin to look at what is due, as far as there is room; return at how many."""
        now = self._clock()
        slow = Counter(
            look.account_id for look in self._looks.values() if now - look.began > SLOW_AFTER_S
        )
        room = MOST_AT_ONCE - (len(self._looks) - slow.total())
        if room <= 0:
            return 0
        full = [account_id for account_id, looks in slow.items() if looks >= MOST_SLOW]
        due = await self._conversations.due(now, now + LEASE_S, room, full)
        for one in due:
            tasks.create_task(self._look_at(one, Look(one.account_id, now)))
        return len(due)

    async def _look_at(self, conversation: Conversation, look: Look) -> None:
        self._looks[conversation.key] = look
        try:
            if await self._joins_others(conversation):
                await self._conversations.looked(conversation, conversation.look_at)
            elif conversation.over:
                await self._sum_up(conversation)
            else:
                again = await self._watchdog.look_after(conversation)
                await self._conversations.looked(conversation, again)
        except Unavailable as error:
            # It stays due: the lease ends.
            log.warning("calls.unavailable", error=str(error))
        except Exception:
            log.exception("calls.bug", conversation_id=conversation.conversation_id)
        finally:
            if self._looks.get(conversation.key) is look:
                del self._looks[conversation.key]

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
        # First: whatever happens to this worker, somebody looks at the conversation that is kept.
        await self._conversations.look(kept.key, self._clock() + self._policy.settle_s)
        for other in found[1:]:
            await self._conversations.join(kept, other)
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
