"""How places are shared by account, and how lines take turns."""

import asyncio

from service.domain.delivery import DeferReason
from service.pipeline.limits.endpoints import SILENT_AFTER_S
from tests.builders import make_endpoints, make_places
from tests.unit.pipeline.place_parts import (
    FAILED,
    FINE,
    HERE,
    INSTANT_S,
    PATIENT_S,
    enter,
    granted,
    queued,
    sweeping,
)
from tests.virtual_time import in_virtual_time, settle


@in_virtual_time
async def test_an_endpoint_begins_with_ten_requests_and_gets_more_as_it_answers() -> None:
    places = make_places(100, 0.0, make_endpoints(12))
    under_way = [granted(places) for _ in range(10)]
    assert enter(places) is DeferReason.SATURATED
    places.leave(under_way.pop(), INSTANT_S, FINE)
    under_way += [granted(places) for _ in range(2)]
    assert enter(places) is DeferReason.SATURATED
    for _ in range(5):
        places.leave(under_way.pop(), INSTANT_S, FINE)
    under_way += [granted(places) for _ in range(12 - len(under_way))]
    assert enter(places) is DeferReason.SATURATED


@in_virtual_time
async def test_an_endpoint_that_times_out_gets_half_as_many_requests_and_one_at_least() -> None:
    places = make_places(100, 0.0)
    under_way = [granted(places) for _ in range(10)]
    for _ in range(10):
        places.leave(under_way.pop(), 5.0, FAILED)
    granted(places)
    assert enter(places) is DeferReason.SATURATED


@in_virtual_time
async def test_those_who_wait_go_as_soon_as_the_endpoints_limit_has_grown() -> None:
    places = make_places(100, PATIENT_S, make_endpoints(50))
    under_way = [granted(places) for _ in range(10)]
    waiting = [queued(places) for _ in range(3)]
    places.leave(under_way.pop(), INSTANT_S, FINE)
    assert [one.turn.done() for one in waiting] == [True, True, False]


@in_virtual_time
async def test_a_cancelled_request_teaches_nothing() -> None:
    places = make_places(100, PATIENT_S)
    places.leave(granted(places), 0.0, None)
    state = places.endpoints.of(HERE)
    assert (state.limit.requests, state.duration_s) == (10, INSTANT_S)
    await settle()


@in_virtual_time
async def test_a_burst_for_a_new_endpoint_waits_while_it_may_yet_answer() -> None:
    places = make_places(1000, 0.5, make_endpoints(50))
    for _ in range(10):
        granted(places)
    waiting = [queued(places) for _ in range(100)]
    async with sweeping(places):
        await asyncio.sleep(0.9 * SILENT_AFTER_S)
        assert not any(one.turn.done() for one in waiting)
        await asyncio.sleep(0.5 * SILENT_AFTER_S)
        kept = [not one.turn.done() for one in waiting]
        # A request takes 0.3 s at least: at ten a time, 16 of them wait half a second.
        assert kept == [True] * sum(kept) + [False] * (100 - sum(kept))
        assert 10 <= sum(kept) <= 16
