"""Current state of a delivery's webhook, which may have been edited, disabled or deleted."""

from dataclasses import dataclass

from service.documents.webhook import webhook_of
from service.domain.delivery import Delivery
from service.domain.webhook import Webhook
from service.pipeline.recovery.availability import Availability
from service.ports import Directory


@dataclass(frozen=True, slots=True)
class CurrentWebhooks:
    """Looks webhooks up in the directory, which follows the changes in the store."""

    directory: Directory
    availability: Availability

    def unchanged(self, delivery: Delivery, webhook: Webhook) -> bool:
        """Return whether the webhook is known to be unchanged; costs no await."""
        if delivery.webhook is not None:
            return True
        if self.deleted(delivery):
            return False
        account = self.directory.remembered(delivery.account_id)
        known = None if account is None else account.by_id.get(webhook.webhook_id)
        # A reload creates new webhook objects, most of them equal to the old ones.
        return known is webhook or known == webhook

    def deleted(self, delivery: Delivery) -> bool:
        """Return whether the webhook is known to be deleted, even if its account is stale.

        One that the event brought along is not in the store.
        """
        return delivery.webhook is None and self.directory.is_deleted(delivery.webhook_id)

    async def of(self, delivery: Delivery) -> Webhook | None:
        """Return the webhook, enabled or not, or None if it was deleted."""
        account_id, webhook_id = delivery.account_id, delivery.webhook_id
        if delivery.webhook is not None:
            account = await self.availability.until_available(
                lambda: self.directory.account(account_id)
            )
            return account.bound(webhook_of(delivery.webhook, delivery.source))
        return await self.availability.until_available(
            lambda: self.directory.webhook(account_id, webhook_id)
        )
