import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from service.pipeline.limits.pace import MOST_PER_TICK_S, TICK_S, Pace
from tests.virtual_time import VirtualTimeLoop, in_virtual_time, now


@asynccontextmanager
async def running() -> AsyncIterator[Pace]:
    pace = Pace()
    task = asyncio.create_task(pace.run())
    await asyncio.sleep(0)
    try:
        yield pace
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def stall(seconds: float) -> None:
    """Let time pass without the event loop coming round."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualTimeLoop)
    loop._leaping.now += seconds


@in_virtual_time
async def test_it_goes_as_the_clock_does_while_the_loop_comes_round() -> None:
    async with running() as pace:
        await asyncio.sleep(10.0)
        assert pace.now() == pytest.approx(now(), abs=2 * TICK_S)


@in_virtual_time
async def test_it_all_but_stands_still_while_the_loop_is_held_up() -> None:
    async with running() as pace:
        for _ in range(10):
            stall(1.0)
            await asyncio.sleep(TICK_S)
        assert now() > 10.0
        assert 0.0 < pace.now() <= 11 * MOST_PER_TICK_S


@in_virtual_time
async def test_it_makes_up_for_nothing_once_the_loop_comes_round_again() -> None:
    async with running() as pace:
        stall(60.0)
        await asyncio.sleep(1.0)
        assert pace.now() == pytest.approx(1.0, abs=2 * MOST_PER_TICK_S)
