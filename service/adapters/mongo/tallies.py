"""Sums over the attempt log; see `management.ports.AttemptTallies`.

MongoDB adds up within a limit of its own, so that a look at a busy log costs neither this process
much nor the store more than that.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from service.adapters.mongo.store import Store
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
        self._attempts = store.database["attempts"]
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
        within = {**wanted, "_id": {"$gte": time_key(since.timestamp())}}
        counted = {"test": None, "outcome": {"$nin": sorted(NOT_SENT)}}
        good = {"$eq": ["$outcome", Outcome.SUCCEEDED.value]}
        pipeline: list[dict[str, Any]] = [
            {"$match": within},
            {"$sort": {"_id": -1}},
            {"$limit": most},
            {"$match": counted},
            {"$group": {"_id": {**keys, "succeeded": good, "band": BAND}, "count": {"$sum": 1}}},
            {"$limit": MOST_GROUPS},
        ]
        rows = await self._store.ask_briefly(
            lambda: self._attempts.aggregate(pipeline).to_list(None), self._within_s
        )
        return [_tally(row) for row in rows]


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
