"""Report of the accounts and endpoints that hold places or wait, for operators of late events."""

from collections.abc import Mapping, Sequence
from typing import Any

from service.pipeline.limits.endpoints import Endpoints
from service.pipeline.limits.places import Places

MOST = 20


def holders(lanes: Sequence[Places], endpoints: Endpoints) -> Mapping[str, Any]:
    """Return the busiest accounts over all lanes and the busiest endpoints, `MOST` of each.

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
