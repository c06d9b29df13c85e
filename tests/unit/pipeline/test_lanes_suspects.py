import asyncio
from collections import Counter

from service.domain.errors import RejectReason
from service.pipeline.progress import Progress
from service.ports import Incoming
from tests.fakes import FakeIncoming, FakeQueues, FakeSuspectCounts, counted, make_metrics
from tests.unit.pipeline.test_lanes import Worker, running
from tests.virtual_time import in_virtual_time, settle


@in_virtual_time
async def test_suspects_are_settled_one_at_a_time_and_acknowledged_before_the_next_begins() -> None:
    worker = Worker()
    first, second, fresh = (
        FakeIncoming(b"1", redelivered=True, deliveries=2),
        FakeIncoming(b"2", redelivered=True, deliveries=2),
        FakeIncoming(b"3"),
    )
    acks_at_begin: list[int] = []

    async def note(incoming: Incoming, progress: Progress) -> None:
        acks_at_begin.append(first.acks)
        await worker(incoming, progress)

    async with running(note) as lane:
        lane.accept(first)
        lane.accept(second)
        lane.accept(fresh)
        await settle()
        assert worker.begun == [fresh]
        await asyncio.sleep(1.05)
        assert worker.begun == [fresh, first]
        worker.may_end.set()
        await lane.drain()
    assert worker.begun == [fresh, first, second]
    assert acks_at_begin == [0, 0, 1]
    assert second.told == 1


@in_virtual_time
async def test_poison_is_moved_to_the_rejected_queue_without_being_worked_on() -> None:
    worker, queues, metrics = Worker(), FakeQueues(), make_metrics()
    poison = FakeIncoming(b"poison", redelivered=True, deliveries=5)
    trials = FakeSuspectCounts(Counter({b"poison": 3}))
    async with running(worker, queues, metrics, trials) as lane:
        lane.accept(poison)
        await lane.drain()
    assert worker.begun == []
    detail = "redelivered 5 times; its worker died in 3 trials"
    assert queues.rejected == [(poison, RejectReason.POISON, detail)]
    assert poison.acks == 1
    assert counted(metrics, "events_rejected_total", reason="poison") == 1


@in_virtual_time
async def test_a_copy_whose_first_is_still_under_way_proves_that_nothing_died_of_it() -> None:
    worker, queues = Worker(), FakeQueues()
    first = FakeIncoming(b"same")
    copy = FakeIncoming(b"same", redelivered=True, deliveries=7)
    async with running(worker, queues) as lane:
        lane.accept(first)
        lane.accept(copy)
        worker.may_end.set()
        await lane.drain()
    assert worker.ended == [first, copy]
    assert queues.rejected == []
