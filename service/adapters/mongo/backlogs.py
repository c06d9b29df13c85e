"""Deliveries of paused webhooks; see `ports.Backlogs`.

A document of `paused_deliveries`: `{_id: delivery id, webhook_id, account_id, kept_at, body}`, with
the delivery sealed as in the retry tiers; writes are journalled before they count. A document of
`paused_leases`: `{_id: webhook id, until}`, of the worker that looks after the backlog.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

from pymongo import UpdateOne, WriteConcern
from pymongo.errors import DuplicateKeyError

from service.adapters.mongo.store import Store, ids_of
from service.domain.delivery import Delivery
from service.domain.pause import KeptDelivery
from service.pipeline.envelope import seal, unseal


class MongoBacklogs:
    """See `ports.Backlogs` and `management.ports.BacklogCounts`."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._kept = store.database["paused_deliveries"]
        self._journalled = self._kept.with_options(write_concern=WriteConcern(j=True))
        self._leases = store.database["paused_leases"]
        self._webhooks = store.database["webhooks"]

    async def keep(self, deliveries: Sequence[Delivery], at: float) -> None:
        """See `ports.Backlogs`."""
        writes = [_write(delivery, at) for delivery in deliveries]
        await self._store.ask(self._journalled.bulk_write(writes, ordered=False))

    async def waiting(self) -> Sequence[str]:
        """See `ports.Backlogs`; reads one entry of the index for each webhook."""
        return [str(one) for one in await self._store.ask(self._kept.distinct("webhook_id"))]

    async def oldest(self, webhook_id: str, limit: int) -> Sequence[KeptDelivery]:
        """See `ports.Backlogs`."""
        found = self._kept.find({"webhook_id": webhook_id}).sort([("kept_at", 1), ("_id", 1)])
        return [
            KeptDelivery(unseal(one["body"])[0], one["kept_at"], one["body"])
            for one in await self._store.ask(found.limit(limit).to_list(limit))
        ]

    async def count(self, webhook_id: str) -> int:
        """See `ports.Backlogs`."""
        wanted = {"webhook_id": {"$eq": webhook_id}}
        return int(await self._store.ask(self._kept.count_documents(wanted)))

    async def total(self) -> int:
        """See `ports.Backlogs`."""
        return int(await self._store.ask(self._kept.estimated_document_count()))

    async def drop(self, kept: KeptDelivery) -> None:
        """See `ports.Backlogs`."""
        await self._store.ask(self._kept.delete_one(_same(kept)))

    async def mark(self, webhook_ids: Sequence[str]) -> None:
        """See `ports.Backlogs`."""
        ids = [one for webhook_id in webhook_ids for one in ids_of(webhook_id)]
        wanted = {"_id": {"$in": ids}, "has_backlog": {"$ne": True}}
        change = {"$set": {"has_backlog": True, "modified_at": datetime.now(UTC)}}
        await self._store.ask(self._webhooks.update_many(wanted, change))

    async def unmark(self, webhook_id: str) -> None:
        """See `ports.Backlogs`."""
        wanted = {"_id": {"$in": ids_of(webhook_id)}, "has_backlog": True}
        change = {"$unset": {"has_backlog": ""}, "$set": {"modified_at": datetime.now(UTC)}}
        await self._store.ask(self._webhooks.update_one(wanted, change))
        await self._store.ask(self._leases.delete_one({"_id": webhook_id}))

    async def lease(self, webhook_id: str, now: float, until: float) -> bool:
        """See `ports.Backlogs`."""
        wanted: dict[str, object] = {"_id": webhook_id, "until": {"$lte": now}}
        return await self._store.ask(self._upserted(wanted, until))

    async def _upserted(self, wanted: dict[str, object], until: float) -> bool:
        try:
            await self._leases.update_one(wanted, {"$set": {"until": until}}, upsert=True)
        except DuplicateKeyError:
            return False
        return True

    async def prolong(self, webhook_ids: Sequence[str], until: float) -> None:
        """See `ports.Backlogs`."""
        wanted = {"_id": {"$in": list(webhook_ids)}}
        await self._store.ask(self._leases.update_many(wanted, {"$set": {"until": until}}))

    async def release(self, webhook_id: str, until: float) -> None:
        """See `ports.Backlogs`."""
        change = {"$set": {"until": until}}
        await self._store.ask(self._leases.update_one({"_id": webhook_id}, change))


def _write(delivery: Delivery, at: float) -> UpdateOne:
    first = {"webhook_id": delivery.webhook_id, "account_id": delivery.account_id, "kept_at": at}
    change = {"$set": {"body": seal([delivery])}, "$setOnInsert": first}
    return UpdateOne({"_id": delivery.delivery_id}, change, upsert=True)


def _same(kept: KeptDelivery) -> dict[str, object]:
    """Return the query for the document as it was read: a later attempt may be kept by now."""
    return {"_id": kept.delivery.delivery_id, "body": kept.version}
