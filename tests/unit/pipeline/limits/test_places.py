"""Places at one endpoint: its limit, its line, and those who give up."""

import asyncio

import pytest

from service.domain.delivery import DeferReason
from service.pipeline.limits.lines import Place
from service.pipeline.limits.places import SWEEP_EVERY_S
from tests.builders import make_endpoints, make_places
from tests.unit.pipeline.place_parts import (
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
from tests.virtual_time import in_virtual_time, now, settle


@in_virtual_time
async def test_as_many_may_enter_as_the_limit_allows() -> None:
    places = make_places(100, PATIENT_S, make_endpoints(2))
    first = granted(places)
    granted(places)
    third = queued(places)
    assert not third.turn.done()

    places.leave(first, INSTANT_S, FINE)
    assert isinstance(await places.turn(third), Place)


@in_virtual_time
async def test_endpoints_do_not_share_a_limit() -> None:
    places = make_places(100, 0.0, make_endpoints(1))
    granted(places, HERE)
    granted(places, THERE)
    assert enter(places, HERE) is DeferReason.SATURATED


@in_virtual_time
async def test_those_who_wait_enter_in_the_order_they_came() -> None:
    places = make_places(100, PATIENT_S, make_endpoints(1))
    place = granted(places)
    waiting = [queued(places) for _ in range(3)]
    for number, one in enumerate(waiting):
        places.leave(place, INSTANT_S, FINE)
        assert [other.turn.done() for other in waiting] == [n <= number for n in range(3)]
        place = place_of(one)


@in_virtual_time
async def test_nobody_overtakes_those_who_wait() -> None:
    places = make_places(100, PATIENT_S, make_endpoints(1))
    place = granted(places)
    first = queued(places)
    places.leave(place, INSTANT_S, FINE)
    second = queued(places)
    assert (first.turn.done(), second.turn.done()) == (True, False)
    places.leave(place_of(first), INSTANT_S, FINE)
    assert second.turn.done()


@in_virtual_time
async def test_a_place_that_nobody_waits_for_is_free_again() -> None:
    places = make_places(100, 0.0, make_endpoints(1))
    for _ in range(3):
        place = granted(places)
        assert enter(places) is DeferReason.SATURATED
        places.leave(place, INSTANT_S, FINE)
    assert idle(places)


@in_virtual_time
async def test_a_wait_that_would_be_too_long_is_refused_at_once() -> None:
    places = make_places(100, 0.5, make_endpoints(2))
    places_held = [granted(places), granted(places)]
    # At 0.05 s a request and two at a time, twenty may wait: the last of them half a second.
    waiting = [queued(places) for _ in range(20)]
    assert enter(places) is DeferReason.SATURATED
    assert now() == 0.0
    assert not any(one.turn.done() for one in waiting)
    for one in waiting:
        places.leave(places_held.pop(0), INSTANT_S, FINE)
        places_held.append(place_of(one))


@in_virtual_time
async def test_a_slow_endpoint_has_nobody_wait() -> None:
    places = make_places(100, 0.5, make_endpoints(1))
    places.leave(granted(places), 5.0, FINE)
    granted(places)
    # The estimate is now 0.05 + 0.2 * 4.95 = 1.04 s.
    assert enter(places) is DeferReason.SATURATED


@in_virtual_time
async def test_an_endpoint_that_has_become_fast_is_waited_for_again() -> None:
    places = make_places(100, 0.5, make_endpoints(1))
    for duration_s in (5.0, 0.0, 0.0, 0.0, 0.0):
        places.leave(granted(places), duration_s, FINE)
    granted(places)
    # 1.04 s shrank by a fifth four times, to 0.426 s.
    queued(places)


@in_virtual_time
async def test_nobody_waits_longer_than_twice_the_longest_wait() -> None:
    places = make_places(100, 0.5, make_endpoints(1))
    granted(places)
    async with sweeping(places):
        assert await places.turn(queued(places)) is DeferReason.SATURATED
    assert 1.0 <= now() <= 1.0 + 2 * SWEEP_EVERY_S


@in_virtual_time
async def test_the_place_of_one_who_gave_up_waiting_goes_to_the_next() -> None:
    places = make_places(100, 0.5, make_endpoints(4))
    place, *_ = [granted(places) for _ in range(4)]
    async with sweeping(places):
        gave_up = queued(places)
        await asyncio.sleep(0.8)
        waits_on = queued(places)
        assert await places.turn(gave_up) is DeferReason.SATURATED
        assert not waits_on.turn.done()
        places.leave(place, INSTANT_S, FINE)
        assert isinstance(await places.turn(waits_on), Place)


@in_virtual_time
async def test_those_who_gave_up_waiting_do_not_count_as_ahead_in_line() -> None:
    places = make_places(100, 0.5, make_endpoints(1))
    place = granted(places)
    async with sweeping(places):
        given_up = await asyncio.gather(*(places.turn(queued(places)) for _ in range(10)))
    assert given_up == [DeferReason.SATURATED] * 10
    places.leave(place, INSTANT_S, FINE)
    granted(places)
    # The line is empty, so there is room in it for as many as before.
    for _ in range(10):
        queued(places)
    assert enter(places) is DeferReason.SATURATED


@in_virtual_time
async def test_a_place_handed_over_as_the_time_was_up_is_taken() -> None:
    places = make_places(100, 0.5, make_endpoints(1))
    place, waiting = granted(places), queued(places)
    # Both happen in one turn of the loop, the place first.
    asyncio.get_running_loop().call_at(1.0 - 1e-10, places.leave, place, INSTANT_S, FINE)
    async with sweeping(places):
        await asyncio.sleep(1.2)
    taken = await places.turn(waiting)
    assert isinstance(taken, Place)
    assert held(places) == {"account": 1}
    places.leave(taken, INSTANT_S, FINE)
    assert idle(places)


@in_virtual_time
async def test_a_place_freed_in_the_moment_the_next_one_gives_up_goes_to_the_one_after() -> None:
    places = make_places(100, PATIENT_S, make_endpoints(1))
    place = granted(places)
    async with sweeping(places):
        first = queued(places)
        await asyncio.sleep(2 * PATIENT_S - 0.2)
        places.endpoints.of(HERE).moved_at = now()  # a request of another lane has ended
        second = queued(places)
        given_up = asyncio.create_task(places.turn(first))
        # Before the one who is refused has read it.
        first.turn.add_done_callback(lambda _: places.leave(place, INSTANT_S, FINE))
        assert await given_up is DeferReason.SATURATED
        assert isinstance(await places.turn(second), Place)
    places.leave(place_of(second), INSTANT_S, FINE)
    assert idle(places)


@in_virtual_time
async def test_one_who_is_cancelled_while_waiting_takes_no_place() -> None:
    places = make_places(100, PATIENT_S, make_endpoints(1))
    place = granted(places)
    cancelled = asyncio.create_task(places.turn(queued(places)))
    next_in_line = queued(places)
    await settle()
    cancelled.cancel()
    await settle()
    places.leave(place, INSTANT_S, FINE)
    assert cancelled.cancelled()
    places.leave(place_of(next_in_line), INSTANT_S, FINE)
    assert idle(places)


@in_virtual_time
async def test_one_who_is_cancelled_with_the_place_in_hand_passes_it_on() -> None:
    places = make_places(100, PATIENT_S, make_endpoints(1))
    place = granted(places)
    cancelled = asyncio.create_task(places.turn(queued(places)))
    next_in_line = queued(places)
    await settle()
    places.leave(place, INSTANT_S, FINE)
    cancelled.cancel()
    assert isinstance(await places.turn(next_in_line), Place)
    assert cancelled.cancelled()
    assert held(places) == {"account": 1}


@in_virtual_time
async def test_one_who_is_cancelled_with_the_place_in_hand_frees_it_where_nobody_waits() -> None:
    places = make_places(100, PATIENT_S, make_endpoints(1))
    place = granted(places)
    cancelled = asyncio.create_task(places.turn(queued(places)))
    await settle()
    places.leave(place, INSTANT_S, FINE)
    cancelled.cancel()
    with pytest.raises(asyncio.CancelledError):
        await cancelled
    assert idle(places)
    granted(places)


@in_virtual_time
async def test_the_limit_holds_whoever_comes_goes_and_is_cancelled() -> None:
    places = make_places(100, PATIENT_S, make_endpoints(3))
    inside = most = 0

    async def visit(number: int) -> None:
        nonlocal inside, most
        await asyncio.sleep(number % 7 / 10)
        entry = enter(places)
        assert not isinstance(entry, DeferReason)
        place = entry if isinstance(entry, Place) else await places.turn(entry)
        assert isinstance(place, Place)
        inside += 1
        most = max(most, inside)
        try:
            await asyncio.sleep(0.01 * (number % 5))
        finally:
            inside -= 1
            places.leave(place, 0.01, FINE)

    visits = [asyncio.create_task(visit(number)) for number in range(200)]
    for _ in range(20):
        await asyncio.sleep(0.033)
        for visit_to_cancel in visits[::9]:
            visit_to_cancel.cancel()
    results = await asyncio.gather(*visits, return_exceptions=True)
    cancelled = [result for result in results if result is not None]
    assert cancelled
    assert all(isinstance(result, asyncio.CancelledError) for result in cancelled)
    assert (inside, most) == (0, 3)
    assert idle(places)


@in_virtual_time
async def test_nobody_joins_the_line_of_an_endpoint_where_nothing_moves() -> None:
    places = make_places(100, 0.5, make_endpoints(2))
    first, _ = granted(places), granted(places)
    waiting = queued(places)
    await asyncio.sleep(0.6)
    assert enter(places) is DeferReason.SATURATED
    places.leave(first, 0.6, FINE)
    another = queued(places)
    places.leave(place_of(waiting), 0.01, FINE)
    assert another.turn.done()
