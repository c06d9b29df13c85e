import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from service.domain.errors import RejectedMessage, RejectReason
from service.observability.metrics import Metrics
from service.pipeline.lanes import Lane, Work
from service.pipeline.limits.window import Window
from service.pipeline.progress import Progress
from service.pipeline.recovery.availability import Availability
from service.pipeline.recovery.suspects import Suspects
from service.ports import Incoming
from tests.fakes import FakeIncoming, FakeQueues, FakeSuspectCounts, counted, make_metrics
from tests.virtual_time import in_virtual_time, now, settle

SOON_S = 1e-9
WINDOW = Window(in_progress=10, most_messages=30, most_bytes=1_000_000)


class Worker:
    """Work that ends when it is told to, and notes what it was given."""

    def __init__(self) -> None:
        self.begun: list[Incoming] = []
        self.ended: list[Incoming] = []
        self.may_end = asyncio.Event()

    async def __call__(self, incoming: Incoming, progress: Progress) -> None:  # noqa: ARG002
        self.begun.append(incoming)
        await self.may_end.wait()
        self.ended.append(incoming)


@asynccontextmanager
async def running(
    work: Work,
    queues: FakeQueues | None = None,
    metrics: Metrics | None = None,
    trials: FakeSuspectCounts | None = None,
) -> AsyncIterator[Lane]:
    metrics = metrics or make_metrics()
    suspects = Suspects(5, trials or FakeSuspectCounts())
    queues = queues or FakeQueues()
    lane = Lane("events", work, WINDOW, queues, metrics, Availability(metrics), suspects)
    task = asyncio.create_task(lane.run())
    await settle()
    try:
        yield lane
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@in_virtual_time
async def test_a_message_is_acknowledged_only_after_its_work() -> None:
    worker, message, metrics = Worker(), FakeIncoming(b"1"), make_metrics()
    async with running(worker, metrics=metrics) as lane:
        lane.accept(message)
        await settle()
        assert (len(worker.begun), message.acks, lane.unsettled) == (1, 0, 1)
        assert counted(metrics, "consumer_unacked", lane="events") == 1

        worker.may_end.set()
        await lane.drain()

        assert (message.acks, lane.unsettled) == (1, 0)
        assert counted(metrics, "consumer_unacked", lane="events") == 0


@in_virtual_time
async def test_messages_do_not_wait_for_each_other() -> None:
    worker = Worker()
    async with running(worker) as lane:
        for number in range(3):
            lane.accept(FakeIncoming(b"%d" % number))
        await settle()
        assert len(worker.begun) == 3


@in_virtual_time
async def test_a_rejected_message_is_moved_counted_and_acknowledged() -> None:
    async def refuse(incoming: Incoming, _: Progress) -> None:
        raise RejectedMessage(RejectReason.NOT_JSON, f"{len(incoming.body)} bytes of noise")

    queues, metrics, message = FakeQueues(), make_metrics(), FakeIncoming(b"noise")
    async with running(refuse, queues, metrics) as lane:
        lane.accept(message)
        await lane.drain()
    assert queues.rejected == [(message, RejectReason.NOT_JSON, "5 bytes of noise")]
    assert message.acks == 1
    assert counted(metrics, "events_rejected_total", reason="not_json") == 1
    assert counted(metrics, "events_rejected_total", reason="bug") == 0


@in_virtual_time
async def test_a_message_that_cannot_even_be_moved_is_refused_and_the_lane_goes_on() -> None:
    async def refuse(_: Incoming, __: Progress) -> None:
        raise RejectedMessage(RejectReason.NOT_JSON, "noise")

    queues, metrics, message = FakeQueues(broken=True), make_metrics(), FakeIncoming(b"noise")
    async with running(refuse, queues, metrics) as lane:
        lane.accept(message)
        await lane.drain()
        queues.broken = False
        lane.accept(FakeIncoming(b"more"))
        await lane.drain()
    assert (message.acks, message.refusals) == (0, 1)
    assert counted(metrics, "events_rejected_total", reason="not_json") == 2
    assert len(queues.rejected) == 1


@in_virtual_time
async def test_a_bug_rejects_that_one_message_and_the_lane_goes_on() -> None:
    async def stumble(incoming: Incoming, _: Progress) -> None:
        if incoming.body == b"bad":
            raise KeyError("a bug")

    queues, metrics = FakeQueues(), make_metrics()
    bad, good = FakeIncoming(b"bad"), FakeIncoming(b"good")
    async with running(stumble, queues, metrics) as lane:
        lane.accept(bad)
        await lane.drain()
        lane.accept(good)
        await lane.drain()
    assert queues.rejected == [(bad, RejectReason.BUG, "see the log")]
    assert (bad.acks, good.acks) == (1, 1)
    assert counted(metrics, "events_rejected_total", reason="bug") == 1


@in_virtual_time
async def test_a_rejection_is_confirmed_before_the_message_is_acknowledged() -> None:
    async def refuse(incoming: Incoming, _: Progress) -> None:
        raise RejectedMessage(RejectReason.NOT_JSON, incoming.routing_key)

    queues, message = FakeQueues(failures=2), FakeIncoming(b"noise")
    async with running(refuse, queues) as lane:
        lane.accept(message)
        await asyncio.sleep(0.5)
        assert (queues.rejected, message.acks) == ([], 0)
        await lane.drain()
        assert (len(queues.rejected), message.acks) == (1, 1)
        assert round(now(), 6) == 0.6


@in_virtual_time
async def test_a_copy_that_comes_again_waits_for_the_first_to_end() -> None:
    worker = Worker()
    first, copy = FakeIncoming(b"same"), FakeIncoming(b"same", redelivered=True)
    async with running(worker) as lane:
        lane.accept(first)
        lane.accept(copy)
        await settle()
        assert worker.begun == [first]

        worker.may_end.set()
        await lane.drain()

        assert worker.ended == [first, copy]
        assert (first.acks, copy.acks) == (1, 1)


@in_virtual_time
async def test_a_copy_of_nothing_under_way_begins_at_once() -> None:
    worker = Worker()
    async with running(worker) as lane:
        lane.accept(FakeIncoming(b"other"))
        lane.accept(FakeIncoming(b"same", redelivered=True))
        await settle()
        assert len(worker.begun) == 2


@in_virtual_time
async def test_equal_messages_that_are_no_copies_do_not_wait() -> None:
    worker = Worker()
    async with running(worker) as lane:
        lane.accept(FakeIncoming(b"same"))
        lane.accept(FakeIncoming(b"same"))
        await settle()
        assert len(worker.begun) == 2


@in_virtual_time
async def test_a_copy_whose_first_was_rejected_is_worked_on_itself() -> None:
    seen: list[bool] = []

    async def fail_once(incoming: Incoming, _: Progress) -> None:
        seen.append(incoming.redelivered)
        await asyncio.sleep(1)
        if len(seen) == 1:
            raise RejectedMessage(RejectReason.NOT_JSON, "the first")

    queues = FakeQueues()
    async with running(fail_once, queues) as lane:
        lane.accept(FakeIncoming(b"same"))
        lane.accept(FakeIncoming(b"same", redelivered=True))
        await lane.drain()
    assert seen == [False, True]
    assert len(queues.rejected) == 1
    assert round(now(), 6) == 2.0


@in_virtual_time
async def test_draining_returns_at_once_where_nothing_is_held() -> None:
    async with running(Worker()) as lane:
        await lane.drain()
        assert now() == 0.0


@in_virtual_time
async def test_draining_waits_for_everything() -> None:
    async def take(incoming: Incoming, _: Progress) -> None:
        await asyncio.sleep(int(incoming.body))

    async with running(take) as lane:
        for seconds in (b"3", b"1", b"2"):
            lane.accept(FakeIncoming(seconds))
        await lane.drain()
        assert round(now(), 6) == 3.0


@in_virtual_time
async def test_an_idle_lane_is_well_and_a_busy_one_until_it_stalls() -> None:
    worker = Worker()
    async with running(worker) as lane:
        assert lane.state(stall_s=SOON_S) == "ok"
        lane.accept(FakeIncoming(b"1"))
        lane.accept(FakeIncoming(b"2"))
        await settle()
        assert lane.state(stall_s=60.0) == "ok"
        stalled = "2 messages held, 0 in the queue, none settled for 0 s"
        assert lane.state(stall_s=SOON_S) == stalled
        worker.may_end.set()
        await lane.drain()
        assert lane.state(stall_s=SOON_S) == "ok"


@in_virtual_time
async def test_a_lane_that_idles_while_its_queue_is_full_is_not_well() -> None:
    async with running(Worker()) as lane:
        lane.note_waiting(7)
        assert lane.state(stall_s=60.0) == "ok"
        stalled = "0 messages held, 7 in the queue, none settled for 0 s"
        assert lane.state(stall_s=SOON_S) == stalled
        lane.note_waiting(0)
        assert lane.state(stall_s=SOON_S) == "ok"


@in_virtual_time
async def test_the_age_of_the_oldest_message_held_and_the_settled_ones_are_measured() -> None:
    worker, metrics = Worker(), make_metrics()
    async with running(worker, metrics=metrics) as lane:
        assert counted(metrics, "oldest_unacked_seconds", lane="events") == 0
        lane.accept(FakeIncoming(b"1"))
        await settle()
        first = counted(metrics, "oldest_unacked_seconds", lane="events")
        lane.accept(FakeIncoming(b"2"))
        later = counted(metrics, "oldest_unacked_seconds", lane="events")
        assert 0 < (first or 0) < (later or 0)
        worker.may_end.set()
        await lane.drain()
        assert counted(metrics, "oldest_unacked_seconds", lane="events") == 0
        assert counted(metrics, "messages_settled_total", lane="events") == 0
        metrics.note_measured()
        metrics.note_measured()
        assert counted(metrics, "messages_settled_total", lane="events") == 2


@in_virtual_time
async def test_a_stopped_lane_leaves_its_messages_to_the_broker() -> None:
    worker, message, queues = Worker(), FakeIncoming(b"1"), FakeQueues()
    async with running(worker, queues) as lane:
        lane.accept(message)
        await settle()
    assert (message.acks, lane.unsettled) == (0, 0)
    assert queues == FakeQueues()
    await lane.drain()
