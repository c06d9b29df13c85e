"""Sums over the attempt log; see `management.ports.AttemptTallies`.

MongoDB adds up within a limit of its own, so that a look at a busy log costs neither this process
much nor the store more than that.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from service.adapters.mongo.buckets import NEWEST_FIRST, Buckets, Pipeline, first_id_in
from service.adapters.mongo.store import Document, Store
from service.domain.delivery import NOT_SENT, Outcome, time_key
from service.management.selection import Selection
from service.management.tally import BANDS_PER_OCTAVE, Tally

WITHIN_S = 2.0
MOST_GROUPS = 20_000
BAND = {
    "$floor": {"$multiply": [BANDS_PER_OCTAVE, {"$log": [{"$max": ["$duration_ms", 1]}, 2]}]}
}  # fmt: skip
EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
HOUR = {"$dateTrunc": {"date": "$started_at", "unit": "hour"}}


class MongoTallies:
    """See `management.ports.AttemptTallies`."""

    def __init__(self, store: Store, within_s: float = WITHIN_S) -> None:
        self._store = store
        self._buckets = Buckets(store.database)
        self._within_s = within_s

    async def by_hour(
        self, selection: Selection, webhook_ids: Sequence[str] | None, most: int
    ) -> Sequence[Tally]:
        """See `management.ports.AttemptTallies`."""
        wanted: dict[str, Any] = {"account_id": {"$eq": selection.account_id}}
        if selection.own_only:
            wanted["event_account_id"] = None
        if webhook_ids is not None:
            wanted["webhook_id"] = {"$in": list(webhook_ids)}
        keys = {"key": "$webhook_id", "hour": HOUR}
        return await self._sums(wanted, selection.since or EARLIEST, most, keys)

    async def by_account(self, since: datetime, most: int) -> Sequence[Tally]:
        """See `management.ports.AttemptTallies`."""
        return await self._sums({}, since, most, {"key": "$account_id"})

    async def by_uri(self, since: datetime, most: int) -> Sequence[Tally]:
        """See `management.ports.AttemptTallies`."""
        return await self._sums({}, since, most, {"key": "$uri", "account_id": "$account_id"})

    async def _sums(
        self, wanted: Mapping[str, Any], since: datetime, most: int, keys: Mapping[str, Any]
    ) -> Sequence[Tally]:
        rows = await self._store.ask_briefly(
            lambda: self._rows(wanted, time_key(since.timestamp()), most, keys), self._within_s
        )
        return [_tally(row) for row in rows]

    async def _rows(
        self, wanted: Mapping[str, Any], since: str, most: int, keys: Mapping[str, Any]
    ) -> Sequence[Document]:
        """Return the sums of each bucket, from the newest back until `most` attempts are read."""
        rows: list[Document] = []
        for bucket in await self._buckets.within(since):
            within = {**wanted, "_id": {"$gte": first_id_in(bucket, since)}}
            summing = _summing(within, most, keys)
            found = await self._store.database[bucket.name].aggregate(summing).to_list(None)
            rows += found
            most -= sum(row["count"] for row in found)
            if most <= 0:
                break
        return rows


def _summing(within: Mapping[str, Any], most: int, keys: Mapping[str, Any]) -> Pipeline:
    good = {"$eq": ["$outcome", Outcome.SUCCEEDED.value]}
    return [
        {"$match": within},
        NEWEST_FIRST,
        {"$limit": most},
        {"$match": {"test": None, "outcome": {"$nin": sorted(NOT_SENT)}}},
        {"$group": {"_id": {**keys, "succeeded": good, "band": BAND}, "count": {"$sum": 1}}},
        {"$limit": MOST_GROUPS},
    ]


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
