import asyncio

import pytest

from service.domain.delivery import DeferReason
from service.domain.endpoint import Endpoint
from service.pipeline import gates as module
from service.pipeline.gates import FIRST_GUESS_S, EndpointGates
from tests.builders import make_gates
from tests.virtual_time import in_virtual_time, now, settle

HERE = Endpoint("https", "here.example", 443)
THERE = Endpoint("https", "there.example", 443)
PATIENT_S = 10.0
INSTANT_S = FIRST_GUESS_S


def entering(gates: EndpointGates, endpoint: Endpoint = HERE) -> asyncio.Task[DeferReason | None]:
    return asyncio.create_task(gates.enter(endpoint))


@in_virtual_time
async def test_as_many_may_enter_as_the_cap_allows() -> None:
    gates = make_gates(2, PATIENT_S)
    assert await gates.enter(HERE) is None
    assert await gates.enter(HERE) is None
    third = entering(gates)
    await settle()
    assert not third.done()

    gates.leave(HERE, INSTANT_S, None)
    assert await third is None


@in_virtual_time
async def test_endpoints_do_not_share_a_cap() -> None:
    gates = make_gates(1, 0.0)
    assert await gates.enter(HERE) is None
    assert await gates.enter(THERE) is None
    assert await gates.enter(HERE) is DeferReason.SATURATED


@in_virtual_time
async def test_those_who_wait_enter_in_the_order_they_came() -> None:
    gates = make_gates(1, PATIENT_S)
    await gates.enter(HERE)
    entered: list[int] = []

    async def wait(number: int) -> None:
        await gates.enter(HERE)
        entered.append(number)

    waiting = [asyncio.create_task(wait(number)) for number in range(3)]
    for expected in ([0], [0, 1], [0, 1, 2]):
        await settle()
        gates.leave(HERE, INSTANT_S, None)
        await settle()
        assert entered == expected
    await asyncio.gather(*waiting)


@in_virtual_time
async def test_nobody_overtakes_those_who_wait() -> None:
    gates = make_gates(1, PATIENT_S)
    await gates.enter(HERE)
    first = entering(gates)
    await settle()
    gates.leave(HERE, INSTANT_S, None)
    second = entering(gates)
    await settle()
    assert (first.done(), second.done()) == (True, False)
    gates.leave(HERE, INSTANT_S, None)
    assert await second is None


@in_virtual_time
async def test_a_place_that_nobody_waits_for_is_free_again() -> None:
    gates = make_gates(1, 0.0)
    for _ in range(3):
        assert await gates.enter(HERE) is None
        assert await gates.enter(HERE) is DeferReason.SATURATED
        gates.leave(HERE, INSTANT_S, None)


@in_virtual_time
async def test_a_wait_that_would_be_too_long_is_refused_at_once() -> None:
    gates = make_gates(2, longest_wait_s=0.5)
    await gates.enter(HERE)
    await gates.enter(HERE)
    # At 0.05 s a request and two at a time, twenty may wait: the last of them half a second.
    waiting = [entering(gates) for _ in range(20)]
    await settle()
    assert await gates.enter(HERE) is DeferReason.SATURATED
    assert now() == 0.0
    assert not any(task.done() for task in waiting)
    for _ in range(22):
        gates.leave(HERE, INSTANT_S, None)
    assert await asyncio.gather(*waiting) == [None] * 20


@in_virtual_time
async def test_a_slow_endpoint_has_nobody_wait() -> None:
    gates = make_gates(1, longest_wait_s=0.5)
    await gates.enter(HERE)
    gates.leave(HERE, 5.0, None)
    await gates.enter(HERE)
    # The estimate is now 0.05 + 0.2 * 4.95 = 1.04 s.
    assert await gates.enter(HERE) is DeferReason.SATURATED


@in_virtual_time
async def test_an_endpoint_that_has_become_fast_is_waited_for_again() -> None:
    gates = make_gates(1, longest_wait_s=0.5)
    for duration_s in (5.0, 0.0, 0.0, 0.0, 0.0):
        await gates.enter(HERE)
        gates.leave(HERE, duration_s, None)
    await gates.enter(HERE)
    # 1.04 s shrank by a fifth four times, to 0.426 s.
    waiting = entering(gates)
    await settle()
    assert not waiting.done()
    gates.leave(HERE, 0.0, None)
    assert await waiting is None


@in_virtual_time
async def test_nobody_waits_longer_than_twice_the_longest_wait() -> None:
    gates = make_gates(1, longest_wait_s=0.5)
    await gates.enter(HERE)
    assert await gates.enter(HERE) is DeferReason.SATURATED
    assert now() == 1.0


@in_virtual_time
async def test_the_place_of_one_who_gave_up_waiting_goes_to_the_next() -> None:
    gates = make_gates(1, longest_wait_s=0.5)
    await gates.enter(HERE)
    gave_up = entering(gates)
    await asyncio.sleep(0.8)
    waits_on = entering(gates)
    assert await gave_up is DeferReason.SATURATED
    gates.leave(HERE, INSTANT_S, None)
    assert await waits_on is None


@in_virtual_time
async def test_those_who_gave_up_waiting_do_not_count_as_ahead_in_line() -> None:
    gates = make_gates(1, longest_wait_s=0.5)
    await gates.enter(HERE)
    given_up = await asyncio.gather(*(entering(gates) for _ in range(10)))
    assert given_up == [DeferReason.SATURATED] * 10
    # The line is empty, so there is room in it.
    waiting = entering(gates)
    await settle()
    assert not waiting.done()
    gates.leave(HERE, INSTANT_S, None)
    assert await waiting is None


@in_virtual_time
async def test_a_place_handed_over_as_the_time_was_up_is_taken() -> None:
    gates = make_gates(1, longest_wait_s=0.5)
    await gates.enter(HERE)
    waiting = entering(gates)
    # Both happen in one turn of the loop, the place first.
    asyncio.get_running_loop().call_at(1.0 - 1e-10, gates.leave, HERE, INSTANT_S, None)
    assert await waiting is None
    assert gates._gates[HERE].in_flight == 1
    gates.leave(HERE, INSTANT_S, None)
    assert gates._gates[HERE].idle


@in_virtual_time
async def test_one_who_is_cancelled_while_waiting_takes_no_place() -> None:
    gates = make_gates(1, PATIENT_S)
    await gates.enter(HERE)
    cancelled, next_in_line = entering(gates), entering(gates)
    await settle()
    cancelled.cancel()
    await settle()
    gates.leave(HERE, INSTANT_S, None)
    assert await next_in_line is None
    assert cancelled.cancelled()


@in_virtual_time
async def test_one_who_is_cancelled_with_the_place_in_hand_passes_it_on() -> None:
    gates = make_gates(1, PATIENT_S)
    await gates.enter(HERE)
    cancelled, next_in_line = entering(gates), entering(gates)
    await settle()
    gates.leave(HERE, INSTANT_S, None)
    cancelled.cancel()
    assert await next_in_line is None
    assert cancelled.cancelled()
    assert gates._gates[HERE].in_flight == 1


@in_virtual_time
async def test_one_who_is_cancelled_with_the_place_in_hand_frees_it_where_nobody_waits() -> None:
    gates = make_gates(1, PATIENT_S)
    await gates.enter(HERE)
    cancelled = entering(gates)
    await settle()
    gates.leave(HERE, INSTANT_S, None)
    cancelled.cancel()
    with pytest.raises(asyncio.CancelledError):
        await cancelled
    assert gates._gates[HERE].idle
    assert await gates.enter(HERE) is None


@in_virtual_time
async def test_idle_endpoints_are_forgotten_when_there_are_too_many_and_busy_ones_are_not() -> None:
    gates = make_gates(1, 0.0)
    await gates.enter(HERE)
    for port in range(1, module.MOST_IDLE):
        endpoint = Endpoint("http", "many.example", port)
        await gates.enter(endpoint)
        gates.leave(endpoint, INSTANT_S, None)
    assert len(gates._gates) == module.MOST_IDLE

    await gates.enter(THERE)

    assert set(gates._gates) == {HERE, THERE}
    assert await gates.enter(HERE) is DeferReason.SATURATED


@in_virtual_time
async def test_the_cap_holds_whoever_comes_goes_and_is_cancelled() -> None:
    gates = make_gates(3, PATIENT_S)
    inside = most = 0

    async def visit(number: int) -> None:
        nonlocal inside, most
        await asyncio.sleep(number % 7 / 10)
        assert await gates.enter(HERE) is None
        inside += 1
        most = max(most, inside)
        try:
            await asyncio.sleep(0.01 * (number % 5))
        finally:
            inside -= 1
            gates.leave(HERE, 0.01, None)

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
    assert gates._gates[HERE].idle


@in_virtual_time
async def test_a_place_freed_in_the_moment_the_next_one_gives_up_goes_to_the_one_after() -> None:
    gates = make_gates(1, PATIENT_S)
    await gates.enter(HERE)
    first = entering(gates)
    await asyncio.sleep(1)
    second = entering(gates)
    # After the time-out of the first, but before it could leave the line: one round of the loop.
    asyncio.get_running_loop().call_at(2 * PATIENT_S + 1e-10, gates.leave, HERE, INSTANT_S, None)
    assert await first is DeferReason.SATURATED
    assert await second is None
    gates.leave(HERE, INSTANT_S, None)
    assert await gates.enter(HERE) is None


@in_virtual_time
async def test_nobody_joins_the_line_of_an_endpoint_where_nothing_moves() -> None:
    at = 0.0
    gates = make_gates(2, 0.5, clock=lambda: at)
    await gates.enter(HERE)
    await gates.enter(HERE)
    waiting = entering(gates)
    await settle()
    at = 0.6
    assert await gates.enter(HERE) is DeferReason.SATURATED
    gates.leave(HERE, 0.6, None)
    assert await waiting is None
    another = entering(gates)
    await settle()
    gates.leave(HERE, 0.01, None)
    assert await another is None
