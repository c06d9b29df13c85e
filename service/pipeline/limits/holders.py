"""The accounts that hold places or wait for one: the operator's question when events are late."""

from collections.abc import Mapping, Sequence
from typing import Any

from service.pipeline.limits.endpoints import Endpoints
from service.pipeline.limits.places import Places

MOST = 20


def holders(lanes: Sequence[Places], endpoints: Endpoints) -> Mapping[str, Any]:
    """Return the busiest accounts of each lane and the busiest endpoints, `MOST` of each.

    `{accounts: [{lane, account_id, places, in_line}], endpoints: [{endpoint, in_flight, limit,
    in_line, breaker_open}]}`, the largest first.
    """
    accounts: list[dict[str, Any]] = [
        {"lane": places.lane, "account_id": account_id, "places": held, "in_line": in_line}
        for places in lanes
        for account_id, held, in_line in places.holders()
    ]
    busy: list[dict[str, Any]] = [
        {
            "endpoint": str(state.endpoint),
            "in_flight": state.in_flight,
            "limit": state.limit.requests,
            "in_line": state.waiting,
            "breaker_open": not state.breaker.closed,
        }
        for state in endpoints.busy()
    ]
    return {
        "accounts": sorted(accounts, key=lambda one: -one["places"] - one["in_line"])[:MOST],
        "endpoints": sorted(busy, key=lambda one: -one["in_flight"] - one["in_line"])[:MOST],
    }
