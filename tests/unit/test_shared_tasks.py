import asyncio
import gc
from typing import Any

import pytest

from service.shared_tasks import SharedTasks
from tests.virtual_time import in_virtual_time


async def shouted(key: str) -> str:
    await asyncio.sleep(1)
    return key.upper()


async def failing(key: str) -> str:
    raise ValueError(key)


@in_virtual_time
async def test_work_is_done_once_for_all_who_ask_meanwhile() -> None:
    tasks = SharedTasks[str, str]()
    first = tasks.of("a", shouted)
    assert tasks.of("a", failing) is first
    assert list(await asyncio.gather(first, tasks.of("b", shouted))) == ["A", "B"]
    await asyncio.sleep(0)
    assert tasks == {}


@in_virtual_time
async def test_whoever_asks_after_a_removal_gets_other_work() -> None:
    tasks = SharedTasks[str, str]()
    seen: list[bool] = []

    async def noted(key: str) -> str:
        await asyncio.sleep(1)
        seen.append(tasks.has_current(key))
        return key

    old = tasks.of("a", noted)
    await asyncio.sleep(0.5)
    del tasks["a"]
    new = tasks.of("a", noted)
    await old
    await asyncio.sleep(0)
    assert tasks["a"] is new
    await new
    assert seen == [False, True]


@in_virtual_time
async def test_an_error_that_nobody_waits_for_is_not_logged() -> None:
    said: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: said.append(context))
    tasks = SharedTasks[str, str]()
    tasks.of("a", failing)
    await asyncio.sleep(1)
    gc.collect()
    assert said == []
    with pytest.raises(ValueError, match="a"):
        await tasks.of("a", failing)
