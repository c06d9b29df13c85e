"""What the gates do about endpoints that are broken."""

import asyncio
import time
from collections.abc import Callable

import pytest

from service.domain.breaker import BreakerPolicy
from service.domain.delivery import DeferReason, Outcome, Response
from service.domain.endpoint import Endpoint
from service.pipeline import gates as module
from service.pipeline.gates import EndpointGates
from tests.builders import make_gates
from tests.virtual_time import in_virtual_time, settle

HERE = Endpoint("https", "here.example", 443)
THERE = Endpoint("https", "there.example", 443)
PATIENT_S = 10.0
FAILED, FINE = Response(Outcome.TIMED_OUT), Response(Outcome.SUCCEEDED, 200)


async def broken_gates(
    failures: int = 3, clock: Callable[[], float] = time.monotonic
) -> EndpointGates:
    gates = make_gates(2, PATIENT_S, BreakerPolicy(failure_count=3, open_s=5.0), clock)
    for _ in range(failures):
        assert await gates.enter(HERE) is None
        gates.leave(HERE, 0.01, FAILED)
    return gates


@in_virtual_time
async def test_a_broken_endpoint_is_left_alone_and_the_others_are_not() -> None:
    gates = await broken_gates()
    assert await gates.enter(HERE) is DeferReason.BROKEN
    assert await gates.enter(THERE) is None
    assert gates._open._value.get() == 1


@in_virtual_time
async def test_one_attempt_sees_whether_a_broken_endpoint_works_again() -> None:
    at = 0.0
    gates = await broken_gates(clock=lambda: at)
    assert await gates.enter(HERE) is DeferReason.BROKEN
    at = 5.0
    assert await gates.enter(HERE) is None
    assert await gates.enter(HERE) is DeferReason.BROKEN
    gates.leave(HERE, 0.01, FINE)
    assert await gates.enter(HERE) is None
    assert gates._open._value.get() == 0


@in_virtual_time
async def test_nobody_stands_in_line_for_an_endpoint_that_broke_meanwhile() -> None:
    gates = await broken_gates(failures=2)
    await gates.enter(HERE)
    await gates.enter(HERE)
    waiting = [asyncio.create_task(gates.enter(HERE)) for _ in range(3)]
    await settle()
    gates.leave(HERE, 0.01, FAILED)
    assert await asyncio.gather(*waiting) == [DeferReason.BROKEN] * 3
    gates.leave(HERE, 0.01, FAILED)
    assert gates._gates[HERE].idle


@in_virtual_time
async def test_a_refused_address_tells_nothing_of_the_endpoint() -> None:
    gates = await broken_gates(failures=2)
    for _ in range(5):
        await gates.enter(HERE)
        gates.leave(HERE, 0.0, Response(Outcome.EGRESS_REFUSED))
    assert await gates.enter(HERE) is None
    gates.leave(HERE, 0.01, FAILED)
    assert await gates.enter(HERE) is DeferReason.BROKEN


@in_virtual_time
async def test_what_is_remembered_of_endpoints_is_bounded_though_all_of_them_are_broken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "MOST_IDLE", 20)
    gates = make_gates(2, PATIENT_S, BreakerPolicy(failure_count=1))
    for number in range(200):
        endpoint = Endpoint("https", f"{number}.example", 443)
        await gates.enter(endpoint)
        gates.leave(endpoint, 0.01, FAILED)
        assert len(gates._gates) <= 20
    assert gates._open._value.get() == len(gates._gates)
