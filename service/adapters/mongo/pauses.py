"""Pauses of endpoints and accounts by an operator.

A document of `pauses`: `{_id, account_id | endpoint, by, at}`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from service.adapters.mongo.store import Store


class MongoPauses:
    """See `ports.OperatorPauses` and `management.ports.PauseDocuments`."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._pauses = store.database["pauses"]

    async def in_force(self) -> tuple[frozenset[str], frozenset[str]]:
        """See `ports.OperatorPauses`."""
        found = await self.all()
        return (
            frozenset(one["account_id"] for one in found if one.get("account_id")),
            frozenset(one["endpoint"] for one in found if one.get("endpoint")),
        )

    async def all(self) -> Sequence[Mapping[str, Any]]:
        """See `management.ports.PauseDocuments`."""
        return await self._store.ask(self._pauses.find().sort("at", 1).to_list(None))

    async def keep(self, document: Mapping[str, Any]) -> None:
        """See `management.ports.PauseDocuments`."""
        wanted = {"_id": document["_id"]}
        change = {"$setOnInsert": document}
        await self._store.ask(self._pauses.update_one(wanted, change, upsert=True))

    async def remove(self, pause_id: str) -> Mapping[str, Any] | None:
        """See `management.ports.PauseDocuments`."""
        return await self._store.ask(self._pauses.find_one_and_delete({"_id": {"$eq": pause_id}}))
