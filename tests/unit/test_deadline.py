"""A time limit that costs a timer only where there is something to wait for."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from service.deadline import within


async def at_once() -> str:
    return "done"


async def after_two_rounds() -> str:
    await asyncio.sleep(0)
    await asyncio.wait_for(asyncio.sleep(0), 5)
    return "done"


async def never() -> str:
    await asyncio.Event().wait()
    return "done"


async def failing() -> str:
    raise LookupError("nothing there")


async def failing_later() -> str:
    await asyncio.sleep(0)
    raise LookupError("nothing there")


@pytest.mark.parametrize("work", [at_once, after_two_rounds])
async def test_the_result_is_returned(work: Callable[[], Coroutine[Any, Any, str]]) -> None:
    assert await within(5, work()) == "done"


@pytest.mark.parametrize("work", [failing, failing_later])
async def test_an_error_is_raised(work: Callable[[], Coroutine[Any, Any, str]]) -> None:
    with pytest.raises(LookupError, match="nothing there"):
        await within(5, work())


async def test_what_needs_no_wait_is_done_even_without_time() -> None:
    assert await within(0, at_once()) == "done"


async def test_a_wait_that_takes_too_long_is_ended() -> None:
    ended = []

    async def waiting() -> str:
        try:
            return await never()
        finally:
            ended.append(True)

    with pytest.raises(TimeoutError):
        await within(0.001, waiting())
    assert ended


async def test_a_cancellation_from_outside_stays_one() -> None:
    task = asyncio.create_task(within(5, never()))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
