"""Sends the backlogs of resumed webhooks, and keeps every backlog within its limits.

A backlog belongs to one worker at a time, for a few seconds that it prolongs; when that worker is
killed, another goes on. A delivery leaves the backlog only after it was settled.
"""

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import structlog

from service.dialects.dialect import Dialects
from service.domain.batch_close import BatchClose
from service.domain.delivery import DeadLetter, DeadLetterReason, Delivery
from service.domain.errors import Unavailable
from service.domain.pause import KeptDelivery, PausePolicy
from service.domain.webhook import Webhook
from service.pipeline.backlog.pauses import Pauses
from service.pipeline.deferrals import Deferrals
from service.pipeline.deliver import Deliverer, Shared
from service.pipeline.limits.places import Places
from service.pipeline.progress import Progress
from service.pipeline.recovery.finished import FinishedDeliveries
from service.pipeline.request.stored import part_of
from service.ports import Backlogs, Queues

LEASE_S = 4.0
KEEP_EVERY_S = 1.0
LOOK_EVERY_S = 0.5
LOOK_AGAIN_S = 1.0
"""Seconds after which some worker looks at a paused backlog again."""
MOST_AT_ONCE = 100
"""Backlogs that one worker sends at the same time."""
READ_AT_ONCE = 50
TRIMMED_AT_ONCE = 500

log = structlog.get_logger(__name__)


class ResumedQueues:
    """The `Queues` of a backlog: a deferred delivery stays at its head, others go their way."""

    def __init__(self, queues: Queues) -> None:
        self._queues = queues
        self.dead_letter = queues.dead_letter
        self.reject = queues.reject
        self.revive = queues.revive
        self._deferred: dict[str, float] = {}

    async def retry(self, deliveries: Sequence[Delivery], delay_ms: int) -> None:
        """Publish a delivery whose attempt failed; keep one without an attempt."""
        failed = [delivery for delivery in deliveries if not delivery.deferrals]
        if failed:
            await self._queues.retry(failed, delay_ms)
        for delivery in deliveries:
            if delivery.deferrals:
                self._deferred[delivery.delivery_id] = delay_ms / 1000

    def deferred(self, delivery: Delivery) -> float | None:
        """Return, once, for how many seconds a delivery was deferred, if it was."""
        return self._deferred.pop(delivery.delivery_id, None)


class Resuming:
    """Looks after all backlogs, beside the other workers."""

    def __init__(
        self,
        deliverer: Deliverer,
        backlogs: Backlogs,
        pauses: Pauses,
        dialects: Dialects,
        places: Places,
        policy: PausePolicy,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._queues = ResumedQueues(deliverer.queues)
        self._pauses = pauses
        self._metrics = deliverer.metrics
        self._deliverer = replace(
            deliverer,
            queues=self._queues,
            deferrals=Deferrals(self._queues, deliverer.availability),
            finished=FinishedDeliveries(),
            backlog=None,
            batches=deliverer.batches.at_once(BatchClose.BACKLOG),
            reporter=replace(deliverer.reporter, prompt=False),
        )
        self._backlogs = backlogs
        self._dialects = dialects
        self._places = places
        self._policy = policy
        self._clock = clock
        self._leased: set[str] = set()

    async def run(self) -> None:
        """Look after the backlogs, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._prolong(), name="prolong backlogs")
            while True:
                try:
                    for webhook_id in await self._free():
                        self._leased.add(webhook_id)
                        tasks.create_task(self._look_after(webhook_id), name="backlog")
                except Unavailable as error:
                    log.warning("backlog.unavailable", error=str(error))
                await asyncio.sleep(LOOK_EVERY_S)

    async def _free(self) -> list[str]:
        """Lease backlogs that no worker has; return the webhooks."""
        waiting = [*await self._backlogs.waiting()]
        self._metrics.backlogs.set(len(waiting))
        self._metrics.backlog_deliveries.set(await self._backlogs.total())
        # Of more than `MOST_AT_ONCE`, each has its turn.
        random.shuffle(waiting)
        found: list[str] = []
        for webhook_id in waiting:
            if len(self._leased) + len(found) >= MOST_AT_ONCE:
                break
            now = self._clock()
            if webhook_id not in self._leased and await self._backlogs.lease(
                webhook_id, now, now + LEASE_S
            ):
                found.append(webhook_id)
        return found

    async def _prolong(self) -> None:
        while True:
            await asyncio.sleep(KEEP_EVERY_S)
            if self._leased:
                try:
                    await self._backlogs.prolong(list(self._leased), self._clock() + LEASE_S)
                except Unavailable as error:
                    log.warning("backlog.unavailable", error=str(error))

    async def _look_after(self, webhook_id: str) -> None:
        """Trim a backlog, send it unless it is paused, and give it back."""
        try:
            if await self._trim(webhook_id):
                await self._send(webhook_id)
        except Unavailable as error:
            log.warning("backlog.unavailable", error=str(error))
        except Exception:
            log.exception("backlog.bug", webhook_id=webhook_id)
        finally:
            self._leased.discard(webhook_id)
        try:
            await self._backlogs.release(webhook_id, self._clock() + LOOK_AGAIN_S)
        except Unavailable as error:
            # The lease ends by itself.
            log.warning("backlog.unavailable", error=str(error))

    async def _trim(self, webhook_id: str) -> int:
        """Turn deliveries beyond the limits into dead letters; return how many are left."""
        count = await self._backlogs.count(webhook_id)
        while count:
            oldest = await self._backlogs.oldest(webhook_id, TRIMMED_AT_ONCE)
            horizon = self._clock() - self._policy.kept_s
            trimmed = 0
            for kept in oldest:
                if count - trimmed > self._policy.most_kept:
                    await self._give_up(kept, DeadLetterReason.BACKLOG_FULL)
                elif kept.kept_at < horizon:
                    await self._give_up(kept, DeadLetterReason.PAUSED_TOO_LONG)
                else:
                    return count - trimmed
                trimmed += 1
            count -= trimmed
            if not oldest:
                return await self._backlogs.count(webhook_id)
        return 0

    async def _give_up(self, kept: KeptDelivery, reason: DeadLetterReason) -> None:
        webhook = await self._deliverer.webhooks.of(kept.delivery)
        uri = None if webhook is None else webhook.uri
        letter = DeadLetter(kept.delivery, reason, uri, self._clock())
        await self._deliverer.dead_letter([letter])
        await self._backlogs.drop(kept)

    async def _send(self, webhook_id: str) -> None:
        """Send a backlog in order of arrival, until it is empty or the webhook is paused."""
        await self._pauses.load()
        while True:
            several = await self._backlogs.oldest(webhook_id, READ_AT_ONCE)
            if not several:
                await self._backlogs.unmark(webhook_id)
                return
            for kept in several:
                began = self._clock()
                webhook = await self._deliverer.webhooks.of(kept.delivery)
                if webhook is not None and webhook.enabled and self._is_paused(webhook):
                    return
                wait_s = await self._settle(kept, webhook)
                if wait_s:
                    # The limits are applied again before the next attempt.
                    await asyncio.sleep(wait_s)
                    return
                rest_s = 1 / self._policy.resume_per_s - (self._clock() - began)
                await asyncio.sleep(max(0.0, rest_s))

    def _is_paused(self, webhook: Webhook) -> bool:
        return webhook.paused or self._pauses.cover(webhook)

    async def _settle(self, kept: KeptDelivery, webhook: Webhook | None) -> float:
        """Settle a delivery; return for how many seconds its endpoint is to be left alone."""
        delivery = kept.delivery
        if webhook is None:
            self._deliverer.reporter.cancelled(delivery)
        elif not webhook.enabled:
            await self._give_up(kept, DeadLetterReason.WEBHOOK_DISABLED)
            return 0.0
        else:
            content, pairs = part_of(self._dialects, delivery, webhook)
            await self._deliverer.deliver(iter(pairs), Shared(content, self._places, Progress()))
            deferred = self._queues.deferred(delivery)
            if deferred is not None:
                return deferred
        await self._backlogs.drop(kept)
        return 0.0
