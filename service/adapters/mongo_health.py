"""How webhooks have fared lately, for all workers together; see `ports.WebhookHealth`.

A document of `webhook_health`: `{_id: webhook id, failures: [unix seconds], updated_at}`. It goes
when the webhook succeeds, and by itself a day after the last failure.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

from pymongo import ReturnDocument

from service.adapters.mongo_store import Store, ids_of


class MongoWebhookHealth:
    """See `ports.WebhookHealth`."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._health = store.database["webhook_health"]
        self._webhooks = store.database["webhooks"]

    async def failed(self, webhook_id: str, at: float, keep: int) -> Sequence[float]:
        """See `ports.WebhookHealth`. One atomic operation, so no worker's failure is overlooked."""
        change = {
            "$push": {"failures": {"$each": [at], "$slice": -keep}},
            "$set": {"updated_at": datetime.now(UTC)},
        }
        question = self._health.find_one_and_update(
            {"_id": webhook_id}, change, upsert=True, return_document=ReturnDocument.AFTER
        )
        document = await self._store.ask(question)
        return [float(failure) for failure in document["failures"]]

    async def succeeded(self, webhook_id: str) -> None:
        """See `ports.WebhookHealth`."""
        await self._store.ask(self._health.delete_one({"_id": webhook_id}))

    async def failures(self, webhook_id: str) -> Sequence[float]:
        """See `management.ports.FailureCounts`."""
        document = await self._store.ask(self._health.find_one({"_id": {"$eq": webhook_id}}))
        return [float(failure) for failure in (document or {}).get("failures", ())]

    async def disable(self, webhook_id: str, reason: str) -> bool:
        """See `ports.WebhookHealth`."""
        now = datetime.now(UTC)
        wanted: dict[str, object] = {
            "_id": {"$in": ids_of(webhook_id)},
            "enabled": {"$nin": [False, "false"]},
        }
        change = {
            "$set": {
                "enabled": False,
                "disable_reason": reason,
                "disabled_at": now,
                "modified_at": now,
            }
        }
        result = await self._store.ask(self._webhooks.update_one(wanted, change))
        # Enabled again, it begins at zero.
        await self.succeeded(webhook_id)
        return bool(result.modified_count)
