"""The delivery lane's work: messages that return from the retry tiers."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass

from service.dialects.dialect import Dialects
from service.domain.delivery import DeadLetter, DeadLetterReason, Delivery
from service.pipeline.deliver import Deliverer, Pair, Shared
from service.pipeline.envelope import holds_several, unseal
from service.pipeline.limits.places import Places
from service.pipeline.progress import Progress
from service.pipeline.recovery.finished import FinishedDeliveries
from service.pipeline.request.build import content_of
from service.pipeline.request.private import split_by_privacy
from service.pipeline.request.times import times_of
from service.pipeline.request.versions import Snapshot
from service.pipeline.steps import Steps
from service.ports import Incoming
from service.profiles.known import DIVIDED, step_of
from service.profiles.profile import Step
from service.text.json_text import read_json


@dataclass(frozen=True, slots=True)
class RetryWork:
    """Settles retried and deferred deliveries, each with its current webhook."""

    deliverer: Deliverer
    finished: FinishedDeliveries
    dialects: Dialects
    places: Places
    steps: Steps

    async def __call__(self, incoming: Incoming, progress: Progress) -> None:
        """Settle the deliveries of one event. Raises RejectedMessage for foreign messages."""
        if holds_several(incoming.body):
            async with self.deliverer.turns.one():
                deliveries = unseal(incoming.body)
        else:
            deliveries = unseal(incoming.body)
        if incoming.redelivered:
            deliveries = [one for one in deliveries if one not in self.finished]
        if not deliveries:
            return
        owed = await self._owed(deliveries)
        # Deliveries that were sealed together are of one event, and share its payload and times.
        one = deliveries[0]
        snapshot = Snapshot(read_json(one.payload), one.payload, one.schema_version)
        times = times_of(one.received_at, one.occurred_at)
        content = content_of(self.dialects.of(one.source), one.hook, snapshot, times)
        in_order = (one.source, one.hook) in DIVIDED
        deliver = self._deliver_in_order if in_order else self._deliver
        parts = split_by_privacy(owed, content, snapshot)
        await asyncio.gather(
            *(deliver(pairs, snapshot, Shared(own, self.places, progress)) for own, pairs in parts)
        )

    async def _deliver(self, owed: Iterable[Pair], _: Snapshot, shared: Shared) -> None:
        await self.deliverer.deliver(iter(owed), shared)

    async def _deliver_in_order(
        self, owed: Iterable[Pair], snapshot: Snapshot, shared: Shared
    ) -> None:
        """Deliver, except for statuses after which a later one was told."""
        free, in_turn = [], []
        for pair in owed:
            delivery, webhook = pair
            step = step_of(webhook.profile, delivery.source, delivery.hook, snapshot.payload)
            if step is None:
                free.append(pair)
            else:
                in_turn.append(self._deliver_in_turn(pair, step, shared))
        await asyncio.gather(self.deliverer.deliver(iter(free), shared), *in_turn)

    async def _deliver_in_turn(self, pair: Pair, step: Step, shared: Shared) -> None:
        delivery, webhook = pair
        async with self.steps.turn(webhook, step, delivery.event_id, shared.progress) as may:
            if may:
                await self.deliverer.deliver(iter((pair,)), shared)
            else:
                self.deliverer.reporter.cancelled(delivery, "a later status was told")

    async def _owed(self, deliveries: list[Delivery]) -> list[Pair]:
        """Return the deliveries whose webhook is enabled; settle the others."""
        owed: list[Pair] = []
        disabled: list[DeadLetter] = []
        for delivery in deliveries:
            webhook = await self.deliverer.webhooks.of(delivery)
            if webhook is None:
                self.deliverer.reporter.cancelled(delivery)
            elif webhook.enabled:
                owed.append((delivery, webhook))
            else:
                reason, now = DeadLetterReason.WEBHOOK_DISABLED, self.deliverer.clock()
                disabled.append(DeadLetter(delivery, reason, webhook.uri, now))
        if disabled:
            await self.deliverer.settle_undeliverable(disabled)
        return owed
