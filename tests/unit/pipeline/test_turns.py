import asyncio

import pytest

from service.pipeline.turns import Turns
from tests.virtual_time import in_virtual_time, settle


@in_virtual_time
async def test_of_large_pieces_of_work_one_goes_in_each_round_of_the_loop() -> None:
    turns, rounds = Turns(), 0
    went: list[tuple[str, int]] = []

    async def work(name: str) -> None:
        for _ in range(2):
            async with turns.one():
                went.append((name, rounds))

    tasks = [asyncio.create_task(work(name)) for name in "abc"]
    while not all(task.done() for task in tasks):
        rounds += 1
        await asyncio.sleep(0)
    assert [name for name, _ in went] == ["a", "b", "c", "a", "b", "c"]
    assert len({turn for _, turn in went}) == 6


@in_virtual_time
async def test_a_turn_that_fails_or_is_cancelled_is_over() -> None:
    turns = Turns()
    with pytest.raises(KeyError):
        async with turns.one():
            raise KeyError
    waiting = []
    async with turns.one():
        for _ in range(2):
            waiting.append(asyncio.create_task(take(turns)))
            await settle()
        waiting[0].cancel()
    await waiting[1]
    assert waiting[0].cancelled()


async def take(turns: Turns) -> None:
    async with turns.one():
        pass
