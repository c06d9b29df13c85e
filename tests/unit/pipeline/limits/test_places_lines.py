"""What lines tell of messages, how they are swept, and that nothing is left of them."""

import asyncio

import pytest

from service.domain.breaker import BreakerPolicy
from service.domain.delivery import DeferReason
from service.domain.endpoint import Endpoint
from service.pipeline.limits import endpoints as module
from service.pipeline.limits.endpoints import STUCK_AFTER_S
from service.pipeline.limits.lines import Place
from service.pipeline.limits.places import SWEEP_EVERY_S
from service.pipeline.progress import Progress
from tests.builders import make_endpoints, make_places
from tests.fakes import counted, make_metrics
from tests.unit.pipeline.place_parts import (
    FAILED,
    FINE,
    HERE,
    INSTANT_S,
    PATIENT_S,
    THERE,
    enter,
    granted,
    held,
    idle,
    place_of,
    queued,
    sweeping,
)
from tests.virtual_time import in_virtual_time

NOTICED_S = STUCK_AFTER_S + 2 * SWEEP_EVERY_S


def told(progress: Progress) -> tuple[bool, int, int]:
    return progress.begun, progress.in_line, progress.stuck


@in_virtual_time
async def test_a_message_knows_whether_it_is_begun_and_what_waits() -> None:
    places = make_places(100, PATIENT_S, make_endpoints(1))
    first, second = Progress(), Progress()
    place = enter(places, progress=first)
    assert isinstance(place, Place)
    assert told(first) == (True, 0, 0)
    waiting = [queued(places, progress=second) for _ in range(2)]
    assert told(second) == (False, 2, 0)
    places.leave(place, INSTANT_S, FINE)
    assert told(second) == (True, 1, 0)
    places.leave(place_of(waiting[0]), INSTANT_S, FINE)
    assert told(second) == (True, 0, 0)


@in_virtual_time
async def test_a_message_whose_delivery_is_put_off_is_begun() -> None:
    places = make_places(100, 0.0, make_endpoints(1))
    granted(places)
    progress = Progress()
    assert enter(places, progress=progress) is DeferReason.SATURATED
    assert told(progress) == (True, 0, 0)


@in_virtual_time
async def test_a_line_in_which_nothing_moves_is_marked_until_something_does() -> None:
    places = make_places(100, PATIENT_S, make_endpoints(1))
    place = granted(places)
    progress, late = Progress(), Progress()
    async with sweeping(places):
        waiting = queued(places, progress=progress)
        queued(places, progress=progress)
        assert progress.moving
        await asyncio.sleep(NOTICED_S)
        assert told(progress) == (False, 2, 2)
        assert not progress.moving

        queued(places, progress=late)
        assert told(late) == (False, 1, 1)

        places.leave(place, INSTANT_S, FINE)
        assert told(progress) == (True, 1, 1)
        await asyncio.sleep(SWEEP_EVERY_S)
        assert (told(progress), told(late)) == ((True, 1, 0), (False, 1, 0))
        assert progress.moving
        places.leave(place_of(waiting), INSTANT_S, FINE)


@in_virtual_time
async def test_a_line_of_another_endpoint_is_not_marked() -> None:
    places = make_places(100, PATIENT_S, make_endpoints(1))
    granted(places, HERE)
    place = granted(places, THERE)
    stuck, moving = Progress(), Progress()
    async with sweeping(places):
        queued(places, HERE, progress=stuck)
        for _ in range(10):
            waiting = queued(places, THERE, progress=moving)
            await asyncio.sleep(NOTICED_S / 10)
            places.leave(place, INSTANT_S, FINE)
            place = place_of(waiting)
    assert (stuck.stuck, moving.stuck) == (1, 0)


@in_virtual_time
async def test_a_line_that_waits_for_its_share_moves_where_the_account_does() -> None:
    places = make_places(6, PATIENT_S, make_endpoints(1))
    under_way = [granted(places, HERE), granted(places, THERE)]
    last = Progress()
    async with sweeping(places):
        endpoints = [Endpoint("https", f"{number}.example", 443) for number in range(7)]
        waiting = [queued(places, endpoint) for endpoint in endpoints[:6]]
        queued(places, endpoints[6], progress=last)
        for one in waiting:
            await asyncio.sleep(NOTICED_S / 4)
            places.leave(under_way.pop(0), INSTANT_S, FINE)
            under_way.append(place_of(one))
            assert told(last) == (False, 1, 0)
        await asyncio.sleep(NOTICED_S)
        assert told(last) == (False, 1, 1)


@in_virtual_time
async def test_what_has_waited_too_long_is_put_off_by_the_sweep_and_the_rest_waits_on() -> None:
    places = make_places(100, 0.5, make_endpoints(4))
    for _ in range(4):
        granted(places)
    old, young = Progress(), Progress()
    async with sweeping(places):
        waiting = queued(places, progress=old)
        await asyncio.sleep(0.5)
        queued(places, progress=young)
        assert await places.turn(waiting) is DeferReason.SATURATED
    assert told(old) == (True, 0, 0)
    assert told(young) == (False, 1, 1)


@in_virtual_time
async def test_a_line_is_put_off_when_another_lane_has_found_the_endpoint_broken() -> None:
    endpoints = make_endpoints(4, BreakerPolicy(failure_count=2, open_s=5.0))
    events, retries = make_places(100, PATIENT_S, endpoints), make_places(100, 0.0, endpoints)
    under_way = [granted(retries) for _ in range(2)]
    for _ in range(2):
        granted(events)
    progress = Progress()
    async with sweeping(events):
        waiting = queued(events, progress=progress)
        for place in under_way:
            retries.leave(place, 0.01, FAILED)
        assert await events.turn(waiting) is DeferReason.BROKEN
    assert told(progress) == (True, 0, 0)


@in_virtual_time
async def test_those_who_are_cancelled_in_line_do_not_hold_up_those_behind_them() -> None:
    places = make_places(100, PATIENT_S, make_endpoints(1))
    place = granted(places)
    cancelled = [queued(places) for _ in range(5)]
    next_in_line = queued(places)
    for one in cancelled:
        places.withdraw(one)
    places.leave(place, INSTANT_S, FINE)
    places.leave(place_of(next_in_line), INSTANT_S, FINE)
    assert idle(places)


@in_virtual_time
async def test_a_line_of_nobody_but_cancelled_ones_leaves_nothing_behind() -> None:
    places = make_places(6, 0.5, make_endpoints(1))
    place, other = granted(places, HERE), granted(places, THERE)
    for_endpoint = [queued(places, HERE) for _ in range(3)]
    for_share = [queued(places, Endpoint("https", f"{n}.example", 443)) for n in range(3)]
    for one in for_endpoint + for_share:
        places.withdraw(one)
    async with sweeping(places):
        await asyncio.sleep(1.0 + 2 * SWEEP_EVERY_S)
    assert held(places) == {"account": 2}
    for entry in (place, other):
        places.leave(entry, INSTANT_S, FINE)
    assert idle(places)


@in_virtual_time
async def test_a_cancelled_one_does_not_take_the_attempt_that_sees_whether_all_is_well() -> None:
    policy = BreakerPolicy(failure_count=1, open_s=5.0)
    places = make_places(100, PATIENT_S, make_endpoints(1, policy))
    places.leave(granted(places), 0.01, FAILED)
    await asyncio.sleep(5.0)
    places.withdraw(granted(places))
    granted(places)


@in_virtual_time
async def test_an_account_that_is_refused_leaves_nothing_behind() -> None:
    places = make_places(100, 0.0, make_endpoints(1))
    place = granted(places, HERE, "first")
    assert enter(places, HERE, "refused") is DeferReason.SATURATED
    assert held(places) == {"first": 1}
    places.leave(place, INSTANT_S, FINE)
    assert idle(places)


@in_virtual_time
async def test_an_account_whose_only_line_is_put_off_leaves_nothing_behind() -> None:
    places = make_places(100, 0.5, make_endpoints(1))
    place = granted(places, HERE, "first")
    async with sweeping(places):
        assert await places.turn(queued(places, HERE, "late")) is DeferReason.SATURATED
    assert held(places) == {"first": 1}
    places.leave(place, INSTANT_S, FINE)
    assert idle(places)


@in_virtual_time
async def test_a_hundred_thousand_endpoints_and_accounts_leave_nothing_behind() -> None:
    places = make_places(1000, 0.0, make_endpoints(1))
    for number in range(100_000):
        place = granted(places, Endpoint("https", f"{number}.example", 443), f"account-{number}")
        places.leave(place, 0.001, FINE)
    assert idle(places)
    assert len(places.endpoints._states) <= module.MOST_IDLE


@in_virtual_time
async def test_places_held_lines_and_the_accounts_that_wait_are_measured() -> None:
    metrics = make_metrics()
    places = make_places(100, PATIENT_S, make_endpoints(1), metrics)
    granted(places)
    for account_id in ("a", "a", "b"):
        queued(places, HERE, account_id)
    assert counted(metrics, "places_held", lane="events") == 1
    assert counted(metrics, "deliveries_in_line", lane="events") == 3
    assert counted(metrics, "accounts_waiting_ratio", lane="events") == pytest.approx(2 / 3)
