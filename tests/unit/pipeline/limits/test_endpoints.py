"""What is known of endpoints: those that are broken, and how much is remembered."""

import asyncio

import pytest

from service.domain.breaker import BreakerPolicy
from service.domain.delivery import DeferReason, Outcome, Response
from service.domain.endpoint import Endpoint
from service.pipeline.limits import endpoints as module
from service.pipeline.limits.places import Places
from tests.builders import make_endpoints, make_places
from tests.unit.pipeline.place_parts import (
    FAILED,
    FINE,
    HERE,
    INSTANT_S,
    PATIENT_S,
    THERE,
    enter,
    granted,
    idle,
    queued,
    sweeping,
)
from tests.virtual_time import in_virtual_time


def places_of(limit: int = 2, failure_count: int = 3) -> Places:
    policy = BreakerPolicy(failure_count=failure_count, open_s=5.0)
    return make_places(100, PATIENT_S, make_endpoints(limit, policy))


def broken_places(failures: int = 3) -> Places:
    places = places_of()
    for _ in range(failures):
        places.leave(granted(places), 0.01, FAILED)
    return places


def opened(places: Places) -> float:
    return float(places.endpoints._open._value.get())


@in_virtual_time
async def test_a_broken_endpoint_is_left_alone_and_the_others_are_not() -> None:
    places = broken_places()
    assert enter(places, HERE) is DeferReason.BROKEN
    granted(places, THERE)
    assert opened(places) == 1


@in_virtual_time
async def test_one_attempt_sees_whether_a_broken_endpoint_works_again() -> None:
    places = broken_places()
    assert enter(places) is DeferReason.BROKEN
    await asyncio.sleep(5.0)
    place = granted(places)
    assert enter(places) is DeferReason.BROKEN
    places.leave(place, 0.01, FINE)
    granted(places)
    assert opened(places) == 0


@in_virtual_time
async def test_nobody_stands_in_line_for_an_endpoint_that_broke_meanwhile() -> None:
    places = broken_places(failures=2)
    place = granted(places)
    waiting = [queued(places) for _ in range(3)]
    places.leave(place, 0.01, FAILED)
    told = await asyncio.gather(*(places.turn(one) for one in waiting))
    assert told == [DeferReason.BROKEN] * 3
    assert idle(places)


@in_virtual_time
async def test_nobody_stands_in_line_for_an_endpoint_that_broke_with_others_under_way() -> None:
    places = places_of(limit=4)
    under_way = [granted(places) for _ in range(4)]
    waiting = [queued(places) for _ in range(3)]
    async with sweeping(places):
        for _ in range(3):
            places.leave(under_way.pop(), 0.01, FAILED)
        told = await asyncio.gather(*(places.turn(one) for one in waiting))
    assert told == [DeferReason.BROKEN] * 3
    places.leave(under_way.pop(), 0.01, FAILED)
    assert idle(places)


@in_virtual_time
async def test_a_refused_address_tells_nothing_of_the_endpoint() -> None:
    places = broken_places(failures=2)
    for _ in range(5):
        places.leave(granted(places), 0.0, Response(Outcome.EGRESS_REFUSED))
    places.leave(granted(places), 0.01, FAILED)
    assert enter(places) is DeferReason.BROKEN


@in_virtual_time
async def test_what_is_remembered_of_endpoints_is_bounded_though_all_of_them_are_broken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "MOST_IDLE", 20)
    places = places_of(failure_count=1)
    for number in range(200):
        place = granted(places, Endpoint("https", f"{number}.example", 443))
        places.leave(place, 0.01, FAILED)
        assert len(places.endpoints._states) <= 20
    assert opened(places) == len(places.endpoints._states)


@in_virtual_time
async def test_idle_endpoints_are_forgotten_when_there_are_too_many_and_busy_ones_are_not() -> None:
    places = make_places(100, 0.0, make_endpoints(1))
    granted(places, HERE)
    for port in range(1, module.MOST_IDLE):
        place = granted(places, Endpoint("http", "many.example", port))
        places.leave(place, INSTANT_S, FINE)
    assert len(places.endpoints._states) == module.MOST_IDLE

    granted(places, THERE)

    assert set(places.endpoints._states) == {HERE, THERE}
    assert enter(places, HERE) is DeferReason.SATURATED
