"""The operator's search in all collections; see `management.ports.Records`.

Indexes find webhooks, attempts and dead letters by their own or their webhook's id, and calls of
accounts that have webhooks. Anything else is looked for among the newest documents only, so that a
search has a bounded cost.
"""

from collections.abc import Awaitable, Sequence
from typing import Any

from service.adapters.mongo.history import NOT_LISTED
from service.adapters.mongo.store import Document, Store, ids_of

WITHIN_S = 3.0
MOST_READ = 50_000
MOST_OWNERS = 10_000
"""Accounts whose calls are looked up; the index of calls begins with the account."""
FIRST_AFTER = chr(0x10FFFF)
SHOWN = {"account_id": 1, "name": 1, "uri": 1, "hook": 1, "enabled": 1}


class MongoRecords:
    """See `management.ports.Records`."""

    def __init__(self, store: Store, within_s: float = WITHIN_S) -> None:
        self._store = store
        self._database = store.database
        self._within_s = within_s

    async def webhooks(self, text: str, size: int) -> Sequence[Document]:
        """See `management.ports.Records`."""
        wanted = {"$or": [{"_id": {"$in": ids_of(text)}}, {"uri": _begins(text)}]}
        found = self._database["webhooks"].find(wanted, SHOWN).limit(size)
        return await self._ask(found)

    async def attempts(self, text: str, size: int) -> Sequence[Document]:
        """See `management.ports.Records`."""
        attempts = self._database["attempts"]
        indexed = await self._indexed(text)
        found = await self._ask(attempts.find(indexed, NOT_LISTED).sort("_id", -1).limit(size))
        if found:
            return found
        return await self._ask(
            attempts.aggregate([
                {"$sort": {"_id": -1}},
                {"$limit": MOST_READ},
                {"$match": _any_of(text, ("call_id", "delivery_id", "event_id"))},
                {"$limit": size},
                {"$unset": list(NOT_LISTED)},
            ])
        )  # fmt: skip

    async def letters(self, text: str, size: int) -> Sequence[Document]:
        """See `management.ports.Records`."""
        letters = self._database["dead_letters"]
        indexed = await self._indexed(text)
        found = await self._ask(letters.find(indexed, NOT_LISTED).sort("died_at", -1).limit(size))
        if found:
            return found
        return await self._ask(
            letters.aggregate([
                {"$limit": MOST_READ},
                {"$match": _any_of(text, ("call_id", "event_id"))},
                {"$sort": {"died_at": -1}},
                {"$limit": size},
                {"$unset": list(NOT_LISTED)},
            ])
        )  # fmt: skip

    async def _indexed(self, text: str) -> dict[str, Any]:
        """Return the filter that an index answers for every part of it."""
        by_account: list[dict[str, Any]] = [
            {"$group": {"_id": "$account_id"}},
            {"$limit": MOST_OWNERS},
        ]
        owners = await self._ask(self._database["webhooks"].aggregate(by_account))
        of_call = {"account_id": {"$in": [one["_id"] for one in owners]}, "call_id": {"$eq": text}}
        return {"$or": [{"_id": {"$eq": text}}, {"webhook_id": {"$eq": text}}, of_call]}

    async def _ask(self, cursor: Any) -> Sequence[Document]:
        def question() -> Awaitable[Sequence[Document]]:
            documents: Awaitable[Sequence[Document]] = cursor.to_list(None)
            return documents

        return await self._store.ask_briefly(question, self._within_s)


def _any_of(text: str, members: Sequence[str]) -> dict[str, Any]:
    equal: list[dict[str, Any]] = [{member: {"$eq": text}} for member in members]
    return {"$or": [*equal, {"uri": _begins(text)}]}


def _begins(text: str) -> dict[str, str]:
    """Return the filter for strings with this beginning, without a regular expression."""
    return {"$gte": text, "$lt": f"{text}{FIRST_AFTER}"}
