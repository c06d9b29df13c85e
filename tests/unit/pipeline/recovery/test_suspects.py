"""Who may be poison, and in which order it is tried; time passes only when everybody waits."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress

import pytest

from service.domain.errors import RejectedMessage, RejectReason
from service.pipeline.recovery.suspects import FIRST_REST_S, LONG_S, NOTE_LIMIT_S, REST_S, Suspects
from tests.fakes import FakeIncoming, FakeSuspectCounts
from tests.virtual_time import in_virtual_time, now, settle

AFTER = 5


def message(name: str, deliveries: int) -> FakeIncoming:
    return FakeIncoming(name.encode(), redelivered=True, deliveries=deliveries)


class Trial:
    """Admits messages as a lane does; each takes `takes_s` until it is settled."""

    def __init__(self, suspects: Suspects, takes_s: float = 0.0) -> None:
        self.suspects = suspects
        self.takes_s = takes_s
        self.begun: list[tuple[str, float]] = []
        self.rejected: list[tuple[str, RejectReason]] = []

    @property
    def order(self) -> str:
        return "".join(name for name, _ in self.begun)

    async def settle(self, incoming: FakeIncoming) -> None:
        name = incoming.body.decode()
        try:
            await self.suspects.admit(incoming)
            self.begun.append((name, round(now(), 3)))
            await asyncio.sleep(self.takes_s)
        except RejectedMessage as rejection:
            self.rejected.append((name, rejection.reason))
        finally:
            self.suspects.settled(incoming)


@asynccontextmanager
async def under_way(trial: Trial, messages: Sequence[FakeIncoming]) -> AsyncIterator[None]:
    async with asyncio.TaskGroup() as tasks:
        for one in messages:
            tasks.create_task(trial.settle(one))
        yield


@in_virtual_time
async def test_messages_that_were_handed_out_once_before_begin_together_after_a_moment() -> None:
    trial = Trial(Suspects(AFTER, FakeSuspectCounts()), takes_s=1)
    async with under_way(trial, [message("a", 1), message("b", 1)]):
        pass
    assert trial.begun == [("a", FIRST_REST_S), ("b", FIRST_REST_S)]


@in_virtual_time
async def test_suspects_begin_one_at_a_time_after_a_rest_with_all_acknowledgements_told() -> None:
    trial = Trial(Suspects(AFTER, FakeSuspectCounts()), takes_s=0.05)
    suspects = [message(name, 2) for name in "abc"]
    async with under_way(trial, suspects):
        await asyncio.sleep(REST_S - 0.001)
        assert trial.begun == []
    assert trial.begun == [("a", REST_S), ("b", REST_S + 0.05), ("c", REST_S + 0.1)]
    assert [one.told for one in suspects] == [1, 1, 1]


@in_virtual_time
async def test_those_with_the_smallest_count_begin_first() -> None:
    trial = Trial(Suspects(AFTER, FakeSuspectCounts()), takes_s=0.1)
    async with under_way(trial, [message("a", 4), message("b", 3), message("c", 2)]):
        pass
    assert trial.order == "cba"


@in_virtual_time
async def test_the_next_round_begins_with_the_newest_of_those_held_together() -> None:
    trial = Trial(Suspects(AFTER, FakeSuspectCounts()), takes_s=0.1)
    async with under_way(trial, [message(name, 3) for name in "abc"]):
        pass
    assert trial.order == "cba"


@pytest.mark.parametrize("poison", range(10))
def test_after_two_rounds_only_the_poison_is_left_wherever_it_stands(poison: int) -> None:
    left = list(range(10))

    @in_virtual_time
    async def strike(deliveries: int) -> None:
        """Settle those left until the poison's turn, which ends the process."""
        suspects = Suspects(AFTER, FakeSuspectCounts())

        async def settle_one(number: int) -> None:
            one = message(str(number), deliveries)
            await suspects.admit(one)
            if number == poison:
                dead.set()
                await asyncio.Event().wait()
            left.remove(number)
            suspects.settled(one)

        dead = asyncio.Event()
        tasks = [asyncio.create_task(settle_one(number)) for number in left]
        await dead.wait()
        for task in tasks:
            task.cancel()
        with suppress(asyncio.CancelledError):
            await asyncio.gather(*tasks)

    strike(2)
    strike(3)
    assert left == [poison]


@in_virtual_time
async def test_a_suspect_that_takes_long_holds_up_the_next_for_a_moment_only() -> None:
    trial = Trial(Suspects(AFTER, FakeSuspectCounts()), takes_s=30)
    async with under_way(trial, [message(name, 2) for name in "abc"]):
        pass
    assert trial.begun == [("a", REST_S), ("b", REST_S + LONG_S), ("c", REST_S + 2 * LONG_S)]


@in_virtual_time
async def test_a_message_whose_worker_died_in_every_trial_is_given_up_untried() -> None:
    counts = FakeSuspectCounts()
    for deliveries in range(2, AFTER):
        suspects = Suspects(AFTER, counts)
        await suspects.admit(message("a", deliveries))
    trial = Trial(Suspects(AFTER, counts))
    await trial.settle(message("a", AFTER))
    assert (trial.rejected, trial.begun) == ([("a", RejectReason.POISON)], [])


@in_virtual_time
async def test_a_message_that_was_only_held_when_workers_died_is_tried() -> None:
    trial = Trial(Suspects(AFTER, FakeSuspectCounts()))
    await trial.settle(message("a", AFTER + 3))
    assert (trial.rejected, trial.order) == ([], "a")


@in_virtual_time
async def test_without_the_store_suspects_are_tried_and_left_to_the_brokers_limit() -> None:
    trial = Trial(Suspects(AFTER, FakeSuspectCounts(away=True)))
    await trial.settle(message("a", AFTER))
    assert (trial.rejected, trial.order) == ([], "a")


@in_virtual_time
async def test_a_store_that_hangs_keeps_a_suspect_waiting_for_a_moment_only() -> None:
    class Hanging:
        async def begin(self, _: bytes) -> int:
            await asyncio.sleep(60)
            return 0

    trial = Trial(Suspects(AFTER, Hanging()))
    await trial.settle(message("a", AFTER))
    assert trial.begun == [("a", REST_S + NOTE_LIMIT_S)]


@in_virtual_time
async def test_a_process_that_outlived_lost_connections_suspects_nobody_for_them() -> None:
    suspects = Suspects(AFTER, FakeSuspectCounts())
    suspects.vouch(4)
    suspects.vouch(3)
    trial = Trial(suspects, takes_s=2)
    messages = [message("a", 4), message("b", 5), message("c", 6)]
    async with under_way(trial, messages):
        await settle()
        assert trial.begun == [("a", 0)]
    assert trial.begun[1:] == [("b", FIRST_REST_S), ("c", REST_S)]


@in_virtual_time
async def test_suspects_whose_lane_is_stopped_are_forgotten() -> None:
    suspects = Suspects(AFTER, FakeSuspectCounts())
    trial = Trial(suspects, takes_s=0.1)
    waiting = [asyncio.create_task(trial.settle(message(name, 2))) for name in "abc"]
    await asyncio.sleep(REST_S + 0.05)
    assert trial.order == "a"
    for task in waiting:
        task.cancel()
    await asyncio.wait(waiting)
    async with under_way(trial, [message("d", 2)]):
        pass
    assert trial.order == "ad"
