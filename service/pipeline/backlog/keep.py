"""Keeps the deliveries of paused webhooks in the store, until `resume` sends them."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from service.domain.delivery import Delivery
from service.domain.webhook import Webhook
from service.observability.metrics import Metrics
from service.pipeline.backlog.pauses import Pauses
from service.pipeline.recovery.availability import Availability
from service.ports import Backlogs


@dataclass(frozen=True, slots=True)
class Backlog:
    """Where deliveries go while their webhook is paused, or has older ones to send first."""

    backlogs: Backlogs
    pauses: Pauses
    availability: Availability
    metrics: Metrics
    clock: Callable[[], float] = time.time

    def wants(self, webhook: Webhook) -> bool:
        """Return whether a delivery to the webhook must wait in its backlog."""
        return (
            webhook.paused
            or webhook.has_backlog
            or (self.pauses.some and self.pauses.cover(webhook))
        )

    def is_paused(self, webhook: Webhook) -> bool:
        """Return whether its account, or an operator, paused the webhook."""
        return webhook.paused or self.pauses.cover(webhook)

    async def keep(self, pairs: Sequence[tuple[Delivery, Webhook]]) -> None:
        """Return once the deliveries are stored durably. Idempotent."""
        deliveries, at = [delivery for delivery, _ in pairs], self.clock()
        until = self.availability.until_available
        await until(lambda: self.backlogs.keep(deliveries, at))
        # The mark makes later events wait, even after the webhook was resumed.
        unmarked = [webhook.webhook_id for _, webhook in pairs if not webhook.has_backlog]
        if unmarked:
            await until(lambda: self.backlogs.mark(unmarked))
        self.metrics.kept.inc(len(deliveries))
