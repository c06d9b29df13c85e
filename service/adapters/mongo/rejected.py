"""Rejected messages in MongoDB; see `management.ports.RejectedStore`."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from service.adapters.mongo.history import before
from service.adapters.mongo.store import Document, Store
from service.management.selection import Selection


class MongoRejected:
    """See `management.ports.RejectedStore`. They stay until brought back or deleted."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._messages = store.database["rejected"]

    async def add(self, message: Document) -> None:
        """See `management.ports.RejectedStore`."""
        same = {"_id": message["_id"]}
        await self._store.ask(self._messages.replace_one(same, message, upsert=True))

    async def page(
        self, selection: Selection, start: tuple[datetime, str] | None, size: int
    ) -> Sequence[Document]:
        """See `management.ports.RejectedStore`."""
        wanted: dict[str, Any] = {key: {"$eq": value} for key, value in selection.equals.items()}
        if start is not None:
            wanted = {"$and": [wanted, before("taken_at", *start)]}
        found = self._messages.find(wanted, {"body": 0}).sort([("taken_at", -1), ("_id", -1)])
        return await self._store.ask(found.limit(size).to_list(None))

    async def find(self, message_id: str) -> Document | None:
        """See `management.ports.RejectedStore`."""
        return await self._store.ask(self._messages.find_one({"_id": {"$eq": message_id}}))

    async def remove(self, ids: Sequence[str]) -> int:
        """See `management.ports.RejectedStore`."""
        result = await self._store.ask(self._messages.delete_many({"_id": {"$in": list(ids)}}))
        return result.deleted_count
