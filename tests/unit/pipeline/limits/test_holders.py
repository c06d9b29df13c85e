"""Who holds the places: the answer to an operator's question."""

import orjson

from service.domain.breaker import BreakerPolicy
from service.domain.endpoint import Endpoint
from service.pipeline.limits.holders import MOST, holders
from tests.builders import make_endpoints, make_places
from tests.unit.pipeline.place_parts import (
    FAILED,
    FINE,
    HERE,
    INSTANT_S,
    PATIENT_S,
    THERE,
    granted,
    queued,
)
from tests.virtual_time import in_virtual_time


@in_virtual_time
async def test_the_busiest_accounts_and_endpoints_come_first() -> None:
    endpoints = make_endpoints(2)
    events = make_places(100, PATIENT_S, endpoints)
    retries = make_places(100, PATIENT_S, endpoints, lane="deliveries")
    granted(events, THERE, "modest")
    for _ in range(2):
        granted(events, HERE, "hog")
    for _ in range(3):
        queued(events, HERE, "hog")
    queued(retries, HERE, "patient")

    told = holders([events, retries], endpoints)

    assert told["accounts"] == [
        {"lane": "events", "account_id": "hog", "places": 2, "in_line": 3},
        {"lane": "events", "account_id": "modest", "places": 1, "in_line": 0},
        {"lane": "deliveries", "account_id": "patient", "places": 0, "in_line": 1},
    ]
    here = {"endpoint": str(HERE), "in_flight": 2, "limit": 2, "in_line": 4, "breaker_open": False}
    there = {**here, "endpoint": str(THERE), "in_flight": 1, "in_line": 0}
    assert told["endpoints"] == [here, there]
    assert orjson.dumps(told)


@in_virtual_time
async def test_idle_ones_are_not_named() -> None:
    places = make_places()
    places.leave(granted(places), INSTANT_S, FINE)
    assert holders([places], places.endpoints) == {"accounts": [], "endpoints": []}


@in_virtual_time
async def test_an_open_breaker_shows() -> None:
    places = make_places(100, 0.0, make_endpoints(4, BreakerPolicy(failure_count=1)))
    place = granted(places)
    granted(places)
    places.leave(place, INSTANT_S, FAILED)
    [endpoint] = holders([places], places.endpoints)["endpoints"]
    assert (endpoint["breaker_open"], endpoint["limit"]) == (True, 2)


@in_virtual_time
async def test_the_answer_is_short_though_very_many_are_busy() -> None:
    places = make_places(1000)
    for number in range(300):
        granted(places, Endpoint("https", f"{number}.example", 443), f"account-{number}")
    told = holders([places], places.endpoints)
    assert (len(told["accounts"]), len(told["endpoints"])) == (MOST, MOST)
