"""Compares the legs that we hold with those that the switches have, after an interruption.

While we or the broker were away, ends may have got lost. The watchdog would notice after hours of
quiet; one list of all legs tells it at once. A leg that is not listed counts as one that its switch
once said is gone: the watchdog asks about it a second time before anything is concluded.
"""

import asyncio
import time
from collections.abc import Callable, Collection, Sequence

import structlog

from service.domain.call import Conversation
from service.domain.call_policy import CallPolicy
from service.domain.errors import Unavailable
from service.domain.leg_state import LegState
from service.observability.metrics import Metrics
from service.pipeline.calls.ends import LEASE_S
from service.ports import Conversations, LegChecks

AT_ONCE = 500
PAUSE_S = 0.05
"""Between two readings of the store, which has other work to do."""
LOOK_EVERY_S = 1.0

log = structlog.get_logger(__name__)


class Recount:
    """Runs in one worker of a service."""

    def __init__(
        self,
        conversations: Conversations,
        switches: LegChecks,
        sources: Collection[str],
        waiting: Callable[[], int],
        metrics: Metrics,
        policy: CallPolicy,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._conversations = conversations
        self._switches = switches
        self._sources = sources
        self._waiting = waiting
        """Returns how many events wait in the queue: ends may be among them."""
        self._metrics = metrics
        self._policy = policy
        self._clock = clock

    async def run(self) -> None:
        """Compare after each new connection to the broker, until cancelled."""
        while True:
            await self._switches.connected()
            await asyncio.sleep(self._policy.recount_after_s)
            while self._waiting():  # noqa: ASYNC110 (the depth is looked at now and then)
                await asyncio.sleep(LOOK_EVERY_S)
            for source in self._sources if self._policy.watchdog else ():
                try:
                    await self._compare(source)
                except Unavailable as error:
                    log.warning("calls.unavailable", error=str(error))

    async def _compare(self, source: str) -> None:
        began = self._clock()
        there = await self._switches.listed(source)
        if there is None:
            return
        held, missing, after = 0, 0, ""
        while several := await self._conversations.followed(source, after, AT_ONCE):
            for conversation in several:
                legs = _open_legs(conversation, began)
                held += len(legs)
                gone = [leg for leg in legs if leg not in there]
                missing += len(gone)
                if not self._soon_looked_at(conversation):
                    await self._note(conversation, gone)
            after = several[-1].key
            await asyncio.sleep(PAUSE_S)
        log.info("calls.recounted", source=source, held=held, listed=len(there), missing=missing)

    def _soon_looked_at(self, conversation: Conversation) -> bool:
        """Return whether a worker looks at it now or soon: two would conclude an end twice."""
        now, look_at = self._clock(), conversation.look_at
        soon = look_at is not None and look_at <= now + LEASE_S
        return soon or conversation.leased_until > now

    async def _note(self, conversation: Conversation, gone: Sequence[str]) -> None:
        for leg in gone:
            now = self._clock()
            self._metrics.leg_questions[LegState.GONE].inc()
            await self._conversations.checked(conversation.key, leg, 1, now)
            await self._conversations.look(conversation.key, now + self._policy.ask_again_s)


def _open_legs(conversation: Conversation, before: float) -> Sequence[str]:
    """Return the legs without an end of which nothing was told since, nor asked."""
    return [
        leg.call_id
        for leg in conversation.legs.values()
        if not leg.gone and not leg.asked and leg.seen_at < before
    ]
