"""The delivery lane's work: messages that return from the retry tiers."""

import asyncio
from dataclasses import dataclass

from service.dialects.dialect import Dialects
from service.domain.delivery import DeadLetter, DeadLetterReason, Delivery
from service.pipeline.deliver import Batch, Deliverer, Pair
from service.pipeline.envelope import holds_several, unseal
from service.pipeline.limits.places import Places
from service.pipeline.progress import Progress
from service.pipeline.recovery.finished import FinishedDeliveries
from service.pipeline.request.build import content_of
from service.pipeline.request.private import parts_of
from service.pipeline.request.versions import Snapshot
from service.ports import Incoming
from service.text.json_text import read_json


@dataclass(frozen=True, slots=True)
class RetryWork:
    """Settles retried and deferred deliveries, each with its current webhook."""

    deliverer: Deliverer
    finished: FinishedDeliveries
    dialects: Dialects
    places: Places

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
        # Deliveries that were sealed together are of one event, and share its payload.
        one = deliveries[0]
        snapshot = Snapshot(read_json(one.payload), one.payload, one.schema_version)
        content = content_of(self.dialects.of(one.source), one.hook, snapshot)
        parts = parts_of(owed, content, snapshot)
        batches = [(iter(pairs), Batch(own, self.places, progress)) for own, pairs in parts]
        await asyncio.gather(*(self.deliverer.deliver(pairs, batch) for pairs, batch in batches))

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
