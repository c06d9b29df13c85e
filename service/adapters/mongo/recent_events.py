"""Last events of an account in the attempt log; see `management.ports.RecentEvents`."""

from collections.abc import Mapping, Sequence
from typing import Any

from bson import ObjectId

from service.adapters.mongo.buckets import Buckets, Pipeline
from service.adapters.mongo.store import Document, Store
from service.documents.buckets import Bucket

WITHIN_S = 2.0
MOST_ROWS = 2000
MOST_BYTES = 32_768
"""Limit of a payload."""
SHOWN = {
    name: 1
    for name in (
        "event_id", "source", "hook", "event_name", "call_id", "webhook_id", "account_id",
        "event_account_id", "schema_version", "started_at", "received_at", "payload_in",
    )
}  # fmt: skip
SMALL = {"$lte": [{"$binarySize": {"$ifNull": ["$payload", ""]}}, MOST_BYTES]}

Row = dict[str, Any]


class MongoRecentEvents:
    """See `management.ports.RecentEvents`. Reads the newest `MOST_ROWS` rows, within a limit."""

    def __init__(self, store: Store, within_s: float = WITHIN_S) -> None:
        self._store = store
        self._buckets = Buckets(store.database)
        self._within_s = within_s

    async def newest(
        self, account_id: str, most: int, masking: Sequence[str], *, own_only: bool
    ) -> Sequence[Document]:
        """See `management.ports.RecentEvents`."""
        return await self._store.ask_briefly(
            lambda: self._newest(account_id, most, frozenset(masking), own_only=own_only),
            self._within_s,
        )

    async def _newest(
        self, account_id: str, most: int, masking: frozenset[str], *, own_only: bool
    ) -> Sequence[Document]:
        wanted: Row = {"account_id": {"$eq": account_id}, "test": None}
        if own_only:
            wanted["event_account_id"] = None

        def part(_: Bucket) -> Pipeline:
            return [{"$match": wanted}, {"$project": SHOWN}]

        buckets = await self._buckets.all()
        rows = await self._buckets.newest(buckets, part, MOST_ROWS)
        chosen = _one_of_each(rows, most, masking)
        payloads = await self._payloads(buckets, chosen)
        return [{**row, **payloads.get(_holder(row), {})} for row in chosen]

    async def _payloads(
        self, buckets: Sequence[Bucket], rows: Sequence[Document]
    ) -> Mapping[Any, Document]:
        """Return payload and time of arrival by the id of the row that holds them."""
        found: dict[Any, Document] = {}
        for bucket in buckets:
            held = [one for one in map(_holder, rows) if _is_in(bucket, one)]
            if held:
                kept = {"payload": {"$cond": [SMALL, "$payload", None]}, "received_at": 1}
                asked: Pipeline = [{"$match": {"_id": {"$in": held}}}, {"$project": kept}]
                answer = await self._store.database[bucket.name].aggregate(asked).to_list(None)
                found |= {one["_id"]: {name: one.get(name) for name in kept} for one in answer}
        return found


def _one_of_each(
    rows: Sequence[Document], most: int, masking: frozenset[str]
) -> Sequence[Document]:
    """Return a row of each event, the newest first; one of a webhook that masks nothing is better.

    Two events of one message have the same id and differ in the hook.
    """
    found: dict[tuple[str, str], Document] = {}
    for row in rows:
        key = row["event_id"], row["hook"]
        if key not in found and len(found) == most:
            continue
        known = found.get(key)
        if known is None or (known["webhook_id"] in masking and row["webhook_id"] not in masking):
            found[key] = row
    return list(found.values())


def _holder(row: Document) -> Any:
    return row.get("payload_in", row["_id"])


def _is_in(bucket: Bucket, row_id: Any) -> bool:
    if not isinstance(row_id, ObjectId):
        return bucket.ends_at is None
    return bucket.ends_at is not None and bucket.first <= str(row_id) < bucket.end
