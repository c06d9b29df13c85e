"""The operator's search in all collections; see `management.ports.Records`.

Indexes find webhooks, attempts and dead letters by their own or their webhook's id, attempts by
their event's id or their webhook's URI, and calls of accounts that have webhooks. Anything else is
looked for among the newest documents only, so that a search has a bounded cost.
"""

from collections.abc import Awaitable, Sequence
from datetime import datetime
from typing import Any

from service.adapters.mongo.buckets import NEWEST_FIRST, Buckets, Pipeline, id_in, ids_within
from service.adapters.mongo.history import NOT_LISTED
from service.adapters.mongo.store import Document, Store, ids_of
from service.documents.buckets import AFTER_ALL_IDS, Bucket
from service.domain.delivery import time_key

WITHIN_S = 3.0
MOST_READ = 50_000
MOST_OWNERS = 10_000
"""Accounts whose calls are looked up; the index of calls begins with the account."""
EVENT_INDEX = "event_id_1"
SCHEMES = ("http://", "https://")
MOST_WEBHOOKS = 100
"""Webhooks of a URI whose attempts are looked up."""
FIRST_AFTER = chr(0x10FFFF)
SHOWN = {"account_id": 1, "name": 1, "uri": 1, "hook": 1, "enabled": 1}


class MongoRecords:
    """See `management.ports.Records`."""

    def __init__(self, store: Store, within_s: float = WITHIN_S) -> None:
        self._store = store
        self._database = store.database
        self._buckets = Buckets(store.database)
        self._within_s = within_s

    async def webhooks(self, text: str, size: int) -> Sequence[Document]:
        """See `management.ports.Records`."""
        wanted = {"$or": [{"_id": {"$in": ids_of(text)}}, {"uri": _begins(text)}]}
        found = self._database["webhooks"].find(wanted, SHOWN).limit(size)
        return await self._ask(found)

    async def attempts(
        self, text: str, size: int, until: datetime | None = None
    ) -> Sequence[Document]:
        """See `management.ports.Records`."""
        end = AFTER_ALL_IDS if until is None else time_key(until.timestamp())
        return await self._store.ask_briefly(
            lambda: self._attempts(text, size, end), self._within_s
        )

    async def _attempts(self, text: str, size: int, end: str) -> Sequence[Document]:
        owned = [*await self._owned(text), *await self._pointed_at(text)]
        buckets = await self._buckets.within(last=end)
        by_event = [one.name for one in buckets if await self._has_events(one)]
        of_event = await self._of_event(text)

        def indexed(bucket: Bucket) -> Pipeline:
            either = [{"_id": {"$eq": id_in(bucket, text)}}, *owned]
            if bucket.name in by_event:
                either += of_event
            return [
                {"$match": {"$or": either, **ids_within(bucket, end=end)}},
                {"$project": NOT_LISTED},
            ]

        return await self._buckets.newest(buckets, indexed, size) or await self._among_newest(
            buckets, _any_of(text, ("call_id", "delivery_id", "event_id")), size, end
        )

    async def _has_events(self, bucket: Bucket) -> bool:
        """Return whether a bucket has the index of events; those of earlier releases lack it."""
        return EVENT_INDEX in await self._database[bucket.name].index_information()

    async def _of_event(self, text: str) -> list[dict[str, Any]]:
        """Return the parts of the filter for an event's id, and for a dead letter's.

        A delivery's id is a digest: its event is known where the delivery was given up.
        """
        same = {"_id": {"$eq": text}}
        letter = await self._database["dead_letters"].find_one(same, {"event_id": 1})
        found: list[dict[str, Any]] = [{"event_id": {"$eq": text}}]
        if letter is not None and letter.get("event_id"):
            event_id = letter["event_id"]
            found.append({"event_id": {"$eq": event_id}, "delivery_id": {"$eq": text}})
        return found

    async def _pointed_at(self, text: str) -> list[dict[str, Any]]:
        """Return the part of the filter for the webhooks whose URI begins with a text."""
        if not text.startswith(SCHEMES):
            return []
        begins = self._database["webhooks"].find({"uri": _begins(text)}, {"_id": 1})
        ids = [str(one["_id"]) for one in await begins.limit(MOST_WEBHOOKS).to_list(None)]
        return [{"webhook_id": {"$in": ids}}] if ids else []

    async def _among_newest(
        self, buckets: Sequence[Bucket], wanted: dict[str, Any], size: int, end: str
    ) -> Sequence[Document]:
        """Return what is wanted among the newest `MOST_READ` attempts before an id."""
        found: list[Document] = []
        left = MOST_READ
        for bucket in buckets:
            attempts = self._database[bucket.name]
            before = ids_within(bucket, end=end)
            reading: Pipeline = [
                {"$match": before},
                NEWEST_FIRST,
                {"$limit": left},
                {"$match": wanted},
                {"$limit": size},
            ]
            found += await attempts.aggregate([*reading, {"$project": NOT_LISTED}]).to_list(None)
            left -= await (
                attempts.count_documents(before, limit=left)
                if before
                else attempts.estimated_document_count()
            )
            if left <= 0 or len(found) >= size:
                break
        return found[:size]

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
        return {"$or": [{"_id": {"$eq": text}}, *await self._owned(text)]}

    async def _owned(self, text: str) -> list[dict[str, Any]]:
        """Return the parts of that filter for a webhook's id, and for a call's."""
        by_account: list[dict[str, Any]] = [
            {"$group": {"_id": "$account_id"}},
            {"$limit": MOST_OWNERS},
        ]
        owners = await self._ask(self._database["webhooks"].aggregate(by_account))
        of_call = {"account_id": {"$in": [one["_id"] for one in owners]}, "call_id": {"$eq": text}}
        return [{"webhook_id": {"$eq": text}}, of_call]

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
