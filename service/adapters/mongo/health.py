"""Recent failures of webhooks, shared by all workers; see `ports.WebhookHealth`.

A document of `webhook_health`: `{_id: webhook id, failures: [unix seconds], updated_at}`. A success
deletes it, and a TTL index a day after the last failure. A deleted webhook leaves a tombstone:
`{_id, deleted: true, updated_at}`.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from pymongo import DeleteOne, UpdateOne

from service.adapters.mongo.store import Store, ids_of
from service.domain.disable import HealthReport


class MongoWebhookHealth:
    """See `ports.WebhookHealth`."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._health = store.database["webhook_health"]
        self._webhooks = store.database["webhooks"]

    async def tell(self, reports: Sequence[HealthReport]) -> Mapping[str, Sequence[float]]:
        """See `ports.WebhookHealth`. Atomic for each webhook, so that no failure is lost."""
        now = datetime.now(UTC)
        writes = [_write(report, now) for report in reports]
        await self._store.ask(self._health.bulk_write(writes, ordered=False))
        failed = [report.webhook_id for report in reports if report.failures]
        if not failed:
            return {}
        found = self._health.find({"_id": {"$in": failed}}, {"failures": 1})
        documents = await self._store.ask(found.to_list(None))
        return {str(one["_id"]): sorted({*map(float, one["failures"])}) for one in documents}

    async def succeeded(self, webhook_id: str) -> None:
        """See `management.ports.FailureCounts`."""
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
        # Delete the counted failures, so that a webhook starts at zero when it is enabled again.
        await self.succeeded(webhook_id)
        return bool(result.modified_count)


def _write(report: HealthReport, now: datetime) -> UpdateOne | DeleteOne:
    one = {"_id": report.webhook_id}
    if not report.failures:
        return DeleteOne(one)
    newest = [*report.failures]
    if report.succeeded:
        return UpdateOne(one, {"$set": {"failures": newest, "updated_at": now}}, upsert=True)
    added = {"failures": {"$each": newest, "$slice": -report.keep}}
    return UpdateOne(one, {"$push": added, "$set": {"updated_at": now}}, upsert=True)
