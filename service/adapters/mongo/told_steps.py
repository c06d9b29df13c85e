"""The latest status that a webhook was told, shared by all workers; see `ports.ToldSteps`.

A document of `told_steps`: `{_id: row, rank, by, sent: {r<rank>: until}, updated_at}`. A TTL index
deletes it a week after the last status: carriers report no later.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from pymongo import ReturnDocument

from service.adapters.mongo.store import Store

SENT_FOR = timedelta(seconds=90)
"""After so long a status counts as settled, as its worker died: a place is waited for 20 s at most,
and an attempt takes 30 s, as does one at the fallback."""


class MongoToldSteps:
    """See `ports.ToldSteps`."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._steps = store.database["told_steps"]

    async def begin(self, row: str, rank: int, event_id: str) -> bool:
        """See `ports.ToldSteps`."""
        now, sent = datetime.now(UTC), f"sent.r{rank}"
        known = {"$ifNull": ["$rank", -1]}
        same = {"$and": [{"$eq": [known, rank]}, {"$eq": ["$by", event_id]}]}
        may = {"$or": [{"$lt": [known, rank]}, same]}

        def kept_or(new: Any, member: str) -> dict[str, Any]:
            return {"$cond": [may, new, f"${member}"]}

        change = {
            "rank": kept_or(rank, "rank"),
            "by": kept_or(event_id, "by"),
            sent: kept_or(now + SENT_FOR, sent),
            "updated_at": now,
        }
        document = await self._store.ask(
            self._steps.find_one_and_update(
                {"_id": row}, [{"$set": change}], upsert=True, return_document=ReturnDocument.AFTER
            )
        )
        return bool(document["rank"] == rank and document["by"] == event_id)

    async def earlier_is_sent(self, row: str, rank: int) -> bool:
        """See `ports.ToldSteps`."""
        now = datetime.now(UTC)
        earlier = [{f"sent.r{one}": {"$gt": now}} for one in range(rank)]
        if not earlier:
            return False
        found = await self._store.ask(self._steps.find_one({"_id": row, "$or": earlier}))
        return found is not None

    async def end(self, row: str, rank: int) -> None:
        """See `ports.ToldSteps`."""
        change = {"$unset": {f"sent.r{rank}": ""}}
        await self._store.ask(self._steps.update_one({"_id": row}, change))
