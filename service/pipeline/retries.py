"""The delivery lane's work: what comes back from the retry tiers."""

import asyncio
from dataclasses import dataclass

import orjson
import structlog

from service.domain.delivery import DeadLetterReason, Delivery
from service.domain.webhook import Webhook
from service.domain.webhook_document import webhook_of
from service.observability.metrics import Metrics
from service.pipeline.build import Encoder
from service.pipeline.deliver import Deliverer
from service.pipeline.envelope import unseal
from service.pipeline.memory import Finished
from service.pipeline.patience import Patience
from service.ports import Directory, Incoming

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class RetryWork:
    """Settles one delivery that was put off, with its webhook as it is now."""

    directory: Directory
    deliverer: Deliverer
    finished: Finished
    metrics: Metrics
    patience: Patience
    cluster_id: str | None
    slots: asyncio.Semaphore

    async def __call__(self, incoming: Incoming) -> None:
        """Settle the delivery. Raises RejectedMessage where it is none of ours."""
        delivery = unseal(incoming.body)
        if incoming.redelivered and delivery in self.finished:
            return
        webhook = await self._webhook(delivery)
        if webhook is None:
            self._cancel(delivery)
        elif not webhook.enabled:
            reason = DeadLetterReason.WEBHOOK_DISABLED
            await self.deliverer.give_up(delivery, reason, webhook.uri)
        else:
            payload = orjson.loads(delivery.payload)
            encoder = Encoder(payload, self.cluster_id, delivery.payload)
            await self.deliverer.deliver(delivery, webhook, encoder, self.slots)
        self.finished.add(delivery)

    async def _webhook(self, delivery: Delivery) -> Webhook | None:
        if delivery.webhook is not None:
            account = await self.patience.until_available(
                lambda: self.directory.account(delivery.account_id),
            )
            return account.bound(webhook_of(delivery.webhook))
        return await self.patience.until_available(
            lambda: self.directory.webhook(delivery.account_id, delivery.webhook_id),
        )

    def _cancel(self, delivery: Delivery) -> None:
        """A deleted webhook is owed nothing."""
        self.metrics.cancelled.inc()
        log.info(
            "delivery.cancelled",
            delivery_id=delivery.delivery_id,
            webhook_id=delivery.webhook_id,
            reason="the webhook was deleted",
        )
