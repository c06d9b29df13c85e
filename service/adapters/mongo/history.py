"""Attempts and dead letters for management: list, count, discard, mark as replayed.

See `management/ports.py`.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from service.adapters.mongo.buckets import Buckets, Pipeline, first_id_in, id_in
from service.adapters.mongo.store import Document, Store
from service.documents.buckets import AFTER_ALL_IDS, Bucket
from service.documents.log import delivery_of
from service.domain.delivery import Delivery, Outcome, time_key
from service.domain.webhook import NOTHING
from service.management.selection import Selection

NOT_LISTED = {"payload": 0, "webhook": 0}
"""Large members that lists leave out."""


class MongoAttemptHistory:
    """See `management.ports.AttemptHistory`. Ids sort by time, so queries by time compare ids."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._database = store.database
        self._buckets = Buckets(store.database)

    async def page(self, selection: Selection, start: str | None, size: int) -> Sequence[Document]:
        """See `management.ports.AttemptHistory`."""
        return await self._store.ask(self._newest(selection, NOT_LISTED, size, start))

    async def find(self, account_id: str, webhook_id: str, attempt_id: str) -> Document | None:
        """See `management.ports.AttemptHistory`."""
        owner = {"account_id": {"$eq": account_id}, "webhook_id": {"$eq": webhook_id}}
        return await self._store.ask(self._find(attempt_id, owner))

    async def outcomes(self, selection: Selection) -> Mapping[str, int]:
        """See `management.ports.AttemptHistory`."""
        return await self._store.ask(self._outcomes(selection))

    async def durations(self, selection: Selection, most: int) -> Sequence[float]:
        """See `management.ports.AttemptHistory`."""
        sent = {"outcome": {"$ne": Outcome.EXPIRED.value}}
        rows = await self._store.ask(
            self._newest(selection, {"duration_ms": 1}, most, further=sent)
        )
        return [float(row["duration_ms"]) for row in rows]

    def delivery(self, attempt: Document) -> Delivery | None:
        """See `management.ports.AttemptHistory`."""
        return delivery_of(attempt) if attempt.get("payload") is not None else None

    async def _newest(
        self,
        selection: Selection,
        shown: Document,
        size: int,
        start: str | None = None,
        further: Document = NOTHING,
    ) -> Sequence[Document]:
        def part(bucket: Bucket) -> Pipeline:
            wanted = _attempts(selection, bucket)
            if start is not None:
                wanted["$and"].append({"_id": {"$lt": id_in(bucket, start)}})
            return [{"$match": {**wanted, **further}}, {"$project": shown}]

        return await self._buckets.newest(await self._within(selection, start), part, size)

    async def _find(self, attempt_id: str, owner: Document) -> Document | None:
        """Return a row with its event's payload, which another row of the bucket may hold."""
        for bucket in await self._buckets.within(attempt_id, attempt_id):
            rows = self._database[bucket.name]
            row = await rows.find_one({"_id": {"$eq": id_in(bucket, attempt_id)}, **owner})
            if row is not None and "payload_in" in row:
                kept = {"payload": 1, "received_at": 1}
                return {**(await rows.find_one({"_id": row["payload_in"]}, kept) or {}), **row}
            if row is not None:
                return row
        return None

    async def _outcomes(self, selection: Selection) -> Mapping[str, int]:
        counting = {"$group": {"_id": "$outcome", "count": {"$sum": 1}}}
        parts = [
            (bucket, [{"$match": _attempts(selection, bucket)}, counting])
            for bucket in await self._within(selection)
        ]
        counts: Counter[str] = Counter()
        for row in await self._buckets.union(parts):
            counts[row["_id"]] += row["count"]
        return counts

    async def _within(self, selection: Selection, start: str | None = None) -> list[Bucket]:
        since = "" if selection.since is None else _since(selection.since)
        until = AFTER_ALL_IDS if selection.until is None else _until(selection.until)
        return await self._buckets.within(since, until if start is None else min(until, start))


class MongoDeadLetterArchive:
    """See `management.ports.DeadLetterArchive`."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._letters = store.database["dead_letters"]

    async def page(
        self, selection: Selection, start: tuple[datetime, str] | None, size: int
    ) -> Sequence[Document]:
        """See `management.ports.DeadLetterArchive`."""
        wanted = _letters(selection)
        if start is not None:
            died_at, delivery_id = start
            wanted = {"$and": [wanted, before("died_at", died_at, delivery_id)]}
        found = self._letters.find(wanted, NOT_LISTED)
        found = found.sort([("died_at", -1), ("_id", -1)]).limit(size)
        return await self._store.ask(found.to_list(None))

    async def oldest(self, selection: Selection, size: int) -> Sequence[Document]:
        """See `management.ports.DeadLetterArchive`."""
        found = self._letters.find(_letters(selection)).sort("died_at", 1).limit(size)
        return await self._store.ask(found.to_list(None))

    async def count(self, selection: Selection) -> int:
        """See `management.ports.DeadLetterArchive`."""
        return await self._store.ask(self._letters.count_documents(_letters(selection)))

    async def discard(self, selection: Selection) -> int:
        """See `management.ports.DeadLetterArchive`."""
        result = await self._store.ask(self._letters.delete_many(_letters(selection)))
        return result.deleted_count

    async def mark_replayed(self, letter: Document, replay_id: str, by: str, at: datetime) -> None:
        """See `management.ports.DeadLetterArchive`."""
        same = {"_id": letter["_id"], "died_at": letter["died_at"]}
        marks = {"replay_id": replay_id, "replayed_by": by, "replayed_at": at}
        await self._store.ask(self._letters.update_one(same, {"$set": marks}))

    def delivery(self, letter: Document) -> Delivery:
        """See `management.ports.DeadLetterArchive`."""
        return delivery_of(letter)


def before(member: str, at: datetime, item_id: str) -> dict[str, Any]:
    """Return the filter for the items that follow an item in a list with the newest first."""
    same = {member: {"$eq": at}, "_id": {"$lt": item_id}}
    return {"$or": [{member: {"$lt": at}}, same]}


def _attempts(selection: Selection, bucket: Bucket) -> dict[str, Any]:
    """Return the filter, as an `$and`, because two of its parts may concern the same member."""
    parts: list[dict[str, Any]] = [_members(selection)]
    if selection.failed is not None:
        good, neither = Outcome.SUCCEEDED.value, Outcome.SHADOWED.value
        parts.append({"outcome": {"$nin": [good, neither]} if selection.failed else {"$eq": good}})
    if selection.ids is not None:
        parts.append({"_id": {"$in": [id_in(bucket, one) for one in selection.ids]}})
    if selection.since is not None:
        parts.append({"_id": {"$gte": first_id_in(bucket, _since(selection.since))}})
    if selection.until is not None:
        parts.append({"_id": {"$lt": first_id_in(bucket, _until(selection.until))}})
    return {"$and": parts}


def _since(at: datetime) -> str:
    return time_key(at.timestamp())


def _until(at: datetime) -> str:
    """Return a key after the ids of the millisecond of `at`, which sort after its own key."""
    return time_key(at.timestamp() + 0.001)


def _letters(selection: Selection) -> dict[str, Any]:
    wanted = _members(selection)
    if selection.waiting:
        wanted["replayed_at"] = None
    if selection.ids is not None:
        wanted["_id"] = {"$in": list(selection.ids)}
    bounds = {"$gte": selection.since, "$lte": selection.until}
    bounds = {operator: at for operator, at in bounds.items() if at is not None}
    return wanted | ({"died_at": bounds} if bounds else {})


def _members(selection: Selection) -> dict[str, Any]:
    wanted: dict[str, Any] = {key: {"$eq": value} for key, value in selection.equals.items()}
    if selection.account_id is not None:
        wanted["account_id"] = {"$eq": selection.account_id}
    if selection.own_only:
        wanted["event_account_id"] = None
    return wanted
