"""How long a deferred delivery is expected to wait for its turn."""

import asyncio

import pytest

from service.domain.delivery import DeferReason
from service.pipeline.limits.endpoints import SILENT_AFTER_S
from service.pipeline.limits.places import BOOKED, LONGEST_GAP_S, Places
from tests.builders import make_endpoints, make_places
from tests.unit.pipeline.place_parts import FAILED, FINE, HERE, INSTANT_S, THERE, enter, granted
from tests.virtual_time import in_virtual_time

ONE_S = BOOKED * INSTANT_S
"""Time that one delivery books at an endpoint with one request at a time."""


def saturated(limit: int = 1) -> Places:
    places = make_places(endpoints=make_endpoints(limit))
    for _ in range(limit):
        granted(places)
    assert enter(places) is DeferReason.SATURATED
    return places


def wait_s(
    places: Places, reason: DeferReason = DeferReason.SATURATED, left_s: float = 0.0
) -> float | None:
    return places.wait_s("account", HERE, reason, left_s)


@in_virtual_time
async def test_deferred_deliveries_have_their_turns_one_after_the_other() -> None:
    places = saturated()
    assert [wait_s(places) for _ in range(3)] == pytest.approx([ONE_S, 2 * ONE_S, 3 * ONE_S])
    await asyncio.sleep(ONE_S)
    assert wait_s(places) == pytest.approx(3 * ONE_S)
    assert places.wait_s("account", THERE, DeferReason.SATURATED, 0.0) == pytest.approx(ONE_S)


@in_virtual_time
async def test_the_more_requests_an_endpoint_takes_the_sooner_is_the_turn() -> None:
    assert wait_s(saturated(limit=10)) == pytest.approx(ONE_S / 10)


@in_virtual_time
async def test_what_is_left_of_a_wait_needs_no_turn_of_its_own() -> None:
    places = saturated()
    assert wait_s(places, left_s=7.5) == 7.5
    assert wait_s(places) == pytest.approx(ONE_S)


@in_virtual_time
async def test_bookings_in_the_past_are_forgotten() -> None:
    places = saturated()
    for _ in range(5):
        wait_s(places)
    await asyncio.sleep(5 * ONE_S)
    assert wait_s(places) == pytest.approx(ONE_S)


@in_virtual_time
async def test_nobody_can_tell_the_turn_at_an_endpoint_that_does_not_answer() -> None:
    places = saturated()
    await asyncio.sleep(SILENT_AFTER_S + 0.01)
    assert wait_s(places) is None
    assert wait_s(places, left_s=7.5) is None


@pytest.mark.parametrize("duration_s", [0.01, 0.5])
@in_virtual_time
async def test_an_endpoint_that_has_answered_may_be_silent_for_a_while(duration_s: float) -> None:
    places = make_places(endpoints=make_endpoints(1))
    for _ in range(30):
        places.leave(granted(places), duration_s, FINE)
    granted(places)
    await asyncio.sleep(LONGEST_GAP_S - 0.01)
    assert wait_s(places) == pytest.approx(BOOKED * duration_s, rel=0.05)
    await asyncio.sleep(0.02)
    assert wait_s(places) is None


@in_virtual_time
async def test_time_outs_are_no_answers() -> None:
    places = make_places(endpoints=make_endpoints(1))
    for _ in range(20):
        places.leave(granted(places), 30.0, FAILED)
    granted(places)
    await asyncio.sleep(LONGEST_GAP_S + 0.01)
    assert wait_s(places) is None


@pytest.mark.parametrize("reason", [DeferReason.BROKEN, DeferReason.NOTHING_SENT])
@in_virtual_time
async def test_other_reasons_have_no_turns(reason: DeferReason) -> None:
    assert wait_s(saturated(), reason) is None


@in_virtual_time
async def test_an_account_over_its_share_waits_for_the_share_of_the_lane_it_comes_back_to() -> None:
    endpoints = make_endpoints()
    retried = make_places(6, endpoints=endpoints, lane="deliveries")
    events = make_places(60, endpoints=endpoints, deferred_to=retried)
    for _ in range(4):
        granted(events)
    over = DeferReason.OVER_SHARE
    assert wait_s(events, over) == pytest.approx(ONE_S / 4)
    granted(retried)
    assert wait_s(events, over) == pytest.approx(ONE_S)
    assert wait_s(retried, over) == pytest.approx(2 * ONE_S)
    assert events.wait_s("stranger", HERE, over, 0.0) is None
