"""Sums over the attempt log; see `management.ports.AttemptTallies`.

MongoDB adds up within a limit of its own, so that a look at a busy log costs neither this process
much nor the store more than that.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from service.adapters.mongo.buckets import NEWEST_FIRST, Buckets, Pipeline, ids_within
from service.adapters.mongo.store import Document, Store
from service.documents.buckets import AFTER_ALL_IDS
from service.domain.delivery import NOT_SENT, Outcome, time_key
from service.management.counting import Part
from service.management.selection import Selection
from service.management.tally import BANDS_PER_OCTAVE, Tally

WITHIN_S = 2.0
MOST_GROUPS = 20_000
BAND = {
    "$floor": {"$multiply": [BANDS_PER_OCTAVE, {"$log": [{"$max": ["$duration_ms", 1]}, 2]}]}
}  # fmt: skip
HOUR = {"$dateTrunc": {"date": "$started_at", "unit": "hour"}}


class MongoTallies:
    """See `management.ports.AttemptTallies`."""

    def __init__(self, store: Store, within_s: float = WITHIN_S) -> None:
        self._store = store
        self._buckets = Buckets(store.database)
        self._within_s = within_s

    async def by_hour(
        self,
        selection: Selection,
        webhook_ids: Sequence[str] | None,
        first: str,
        end: str,
        most: int,
    ) -> Part:
        """See `management.ports.AttemptTallies`."""
        wanted: dict[str, Any] = {"account_id": {"$eq": selection.account_id}}
        if selection.own_only:
            wanted["event_account_id"] = None
        if webhook_ids is not None:
            wanted["webhook_id"] = {"$in": list(webhook_ids)}
        keys = {"key": "$webhook_id", "hour": HOUR}
        rows = await self._sums(wanted, first, end, most, keys)
        read = sum(row["count"] for row in rows)
        if read >= most:
            first = min(str(row["first"]) for row in rows)
        return Part(first, end, read, _tallies(rows))

    async def by_account(self, since: datetime, most: int) -> Sequence[Tally]:
        """See `management.ports.AttemptTallies`."""
        first = time_key(since.timestamp())
        keys = {"key": "$account_id"}
        return _tallies(await self._sums({}, first, AFTER_ALL_IDS, most, keys))

    async def by_uri(self, since: datetime, most: int) -> Sequence[Tally]:
        """See `management.ports.AttemptTallies`."""
        first = time_key(since.timestamp())
        keys = {"key": "$uri", "account_id": "$account_id"}
        return _tallies(await self._sums({}, first, AFTER_ALL_IDS, most, keys))

    async def _sums(
        self, wanted: Mapping[str, Any], first: str, end: str, most: int, keys: Mapping[str, Any]
    ) -> Sequence[Document]:
        return await self._store.ask_briefly(
            lambda: self._rows(wanted, first, end, most, keys), self._within_s
        )

    async def _rows(
        self, wanted: Mapping[str, Any], first: str, end: str, most: int, keys: Mapping[str, Any]
    ) -> Sequence[Document]:
        """Return the sums of each bucket, from the newest back until `most` attempts are read."""
        rows: list[Document] = []
        for bucket in await self._buckets.within(first, end):
            within = {**wanted, **ids_within(bucket, first, end)}
            summing = _summing(within, most, keys)
            found = await self._store.database[bucket.name].aggregate(summing).to_list(None)
            rows += found
            most -= sum(row["count"] for row in found)
            if most <= 0:
                break
        return rows


def _summing(within: Mapping[str, Any], most: int, keys: Mapping[str, Any]) -> Pipeline:
    good = {"$eq": ["$outcome", Outcome.SUCCEEDED.value]}
    unsent = {"$or": ["$test", {"$in": ["$outcome", sorted(NOT_SENT)]}]}
    key = {**keys, "unsent": unsent, "succeeded": good, "band": BAND}
    return [
        {"$match": within},
        NEWEST_FIRST,
        {"$limit": most},
        {"$group": {"_id": key, "count": {"$sum": 1}, "first": {"$min": "$_id"}}},
        {"$limit": MOST_GROUPS},
    ]


def _tallies(rows: Sequence[Document]) -> Sequence[Tally]:
    return [_tally(row) for row in rows if not row["_id"]["unsent"]]


def _tally(row: Mapping[str, Any]) -> Tally:
    key = row["_id"]
    return Tally(
        str(key["key"]),
        bool(key["succeeded"]),
        int(key["band"]),
        int(row["count"]),
        hour=key.get("hour"),
        account_id=key.get("account_id"),
    )
