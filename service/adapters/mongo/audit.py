"""The audit log in MongoDB; see `management.ports.AuditLog`."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from service.adapters.mongo.history import before
from service.adapters.mongo.store import Document, Store
from service.management.selection import Selection

WITHIN_S = 3.0
"""Limit of a search: a filter that matches few entries reads many."""


class MongoAuditLog:
    """See `management.ports.AuditLog`. A TTL index removes old entries."""

    def __init__(self, store: Store, within_s: float = WITHIN_S) -> None:
        self._store = store
        self._within_s = within_s
        self._entries = store.database["audit"]

    async def add(self, entry: Document) -> None:
        """See `management.ports.AuditLog`."""
        await self._store.ask(self._entries.insert_one(entry))

    async def page(
        self, selection: Selection, start: tuple[datetime, str] | None, size: int
    ) -> Sequence[Document]:
        """See `management.ports.AuditLog`."""
        wanted = _wanted(selection)
        if start is not None:
            wanted = {"$and": [wanted, before("at", *start)]}
        found = self._entries.find(wanted).sort([("at", -1), ("_id", -1)]).limit(size)
        return await self._store.ask_briefly(lambda: found.to_list(None), self._within_s)


def _wanted(selection: Selection) -> dict[str, Any]:
    wanted: dict[str, Any] = {key: {"$eq": value} for key, value in selection.equals.items()}
    if selection.account_id is not None:
        wanted["account_id"] = {"$eq": selection.account_id}
    bounds = {"$gte": selection.since, "$lte": selection.until}
    bounds = {operator: at for operator, at in bounds.items() if at is not None}
    return wanted | ({"at": bounds} if bounds else {})
