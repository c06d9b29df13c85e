import asyncio
import time
from itertools import pairwise

import pytest

from service.pipeline.limits.turns import Rounds, Turns
from tests.virtual_time import in_virtual_time, settle


@in_virtual_time
async def test_of_large_pieces_of_work_one_goes_in_each_round_of_the_loop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("service.pipeline.limits.turns.LONGEST_REST_S", 0.0)
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


async def test_after_a_turn_other_work_goes_on_for_as_long_as_the_turn_took() -> None:
    turns, began_s = Turns(), list[float]()

    async def work() -> None:
        async with turns.one():
            began_s.append(time.perf_counter())
            work_for(0.02)

    await asyncio.gather(work(), work())
    assert began_s[1] - began_s[0] >= 0.04


async def test_the_rest_after_a_long_turn_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.pipeline.limits.turns.LONGEST_REST_S", 0.0)
    turns = Turns()
    began_s = time.perf_counter()
    async with turns.one():
        work_for(0.1)
    assert time.perf_counter() - began_s < 0.2


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


def work_for(duration_s: float) -> None:
    end = time.perf_counter() + duration_s
    while time.perf_counter() < end:
        pass


async def take(turns: Turns) -> None:
    async with turns.one():
        pass


@in_virtual_time
async def test_so_many_small_pieces_of_work_go_in_each_round_in_the_order_they_came() -> None:
    rounds, clock = Rounds(3), 0
    went: list[tuple[int, int]] = []

    async def work(number: int) -> None:
        await rounds.turn()
        went.append((number, clock))

    tasks = [asyncio.create_task(work(number)) for number in range(10)]
    while not all(task.done() for task in tasks):
        clock += 1
        await asyncio.sleep(0)
    assert [number for number, _ in went] == list(range(10))
    per_round = [sum(1 for _, at in went if at == each) for each in range(clock + 1)]
    assert max(per_round) == 3
    assert clock <= 6


@in_virtual_time
async def test_one_that_is_cancelled_takes_nobodys_turn() -> None:
    rounds = Rounds(1)
    first, second, third = (asyncio.create_task(rounds.turn()) for _ in range(3))
    await asyncio.sleep(0)
    second.cancel()
    await asyncio.wait_for(asyncio.gather(first, third), 1)
    assert second.cancelled()


async def test_after_a_round_others_rest_for_several_times_as_long_as_it_took() -> None:
    rounds, began_s = Rounds(2, rest=10), list[float]()

    async def work() -> None:
        await rounds.turn()
        began_s.append(time.perf_counter())
        work_for(0.003)

    await asyncio.gather(*(work() for _ in range(6)))
    steps = [after - before for before, after in pairwise(began_s[::2])]
    assert min(steps) >= 0.05


async def test_the_rest_after_a_long_round_is_bounded() -> None:
    rounds, began_s = Rounds(1, rest=1000), time.perf_counter()

    async def work() -> None:
        await rounds.turn()
        work_for(0.02)

    await asyncio.gather(work(), work())
    assert time.perf_counter() - began_s < 1
