"""Messages that cannot be settled now: parked, so that others go by, and told of."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from service.pipeline.lanes import LOOK_EVERY_S, PARK_AFTER_S, Lane
from service.pipeline.limits.window import Window
from service.pipeline.progress import Progress
from service.pipeline.recovery.availability import Availability
from service.pipeline.recovery.suspects import Suspects
from service.ports import Incoming
from tests.fakes import FakeIncoming, FakeQueues, FakeSuspectCounts, counted, make_metrics
from tests.virtual_time import in_virtual_time, now, settle

NOTICED_S = PARK_AFTER_S + 2 * LOOK_EVERY_S
STALL_S = 10.0


class Bench:
    """A lane whose messages end when they are told to, each with its progress."""

    def __init__(self, most_bytes: int = 1_000_000) -> None:
        self.metrics = make_metrics()
        window = Window(in_progress=10, most_messages=30, most_bytes=most_bytes)
        availability = Availability(self.metrics)
        self.lane = Lane(
            "events",
            self._work,
            window,
            FakeQueues(),
            self.metrics,
            availability,
            Suspects(5, FakeSuspectCounts()),
            now,
        )
        self._progress: dict[bytes, Progress] = {}
        self._may_end: dict[bytes, asyncio.Event] = {}

    async def _work(self, incoming: Incoming, progress: Progress) -> None:
        self._progress[incoming.body] = progress
        await self._may_end.setdefault(incoming.body, asyncio.Event()).wait()

    async def take(self, body: bytes = b"1", *, begun: bool = True) -> Progress:
        self.lane.accept(FakeIncoming(body))
        await settle()
        self._progress[body].begun = begun
        return self._progress[body]

    async def end(self, body: bytes = b"1") -> None:
        self._may_end[body].set()
        await settle()

    @property
    def parked(self) -> float | None:
        return counted(self.metrics, "messages_parked", lane="events")

    @property
    def not_begun_s(self) -> float:
        seconds = counted(self.metrics, "oldest_not_begun_seconds", lane="events")
        assert seconds == self.lane.not_begun_s()
        return round(seconds, 3)


@asynccontextmanager
async def running(bench: Bench) -> AsyncIterator[Lane]:
    task = asyncio.create_task(bench.lane.run())
    await settle()
    try:
        yield bench.lane
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@in_virtual_time
async def test_a_message_that_is_not_settled_soon_is_parked_and_others_go_by() -> None:
    bench = Bench()
    async with running(bench) as lane:
        for number in range(3):
            await bench.take(b"%d" % number)
        await asyncio.sleep(PARK_AFTER_S / 2)
        assert (bench.parked, lane.window_size()) == (0, 10)
        await asyncio.sleep(NOTICED_S)
        assert (bench.parked, lane.window_size()) == (3, 13)
        await bench.take(b"young")
        await asyncio.sleep(LOOK_EVERY_S)
        assert (bench.parked, lane.window_size()) == (3, 13)


@in_virtual_time
async def test_parked_messages_that_are_settled_make_the_window_small_again() -> None:
    bench = Bench()
    async with running(bench) as lane:
        for number in range(3):
            await bench.take(b"%d" % number)
        await asyncio.sleep(NOTICED_S)
        for number in (2, 0, 1):
            await bench.end(b"%d" % number)
        await asyncio.sleep(LOOK_EVERY_S)
        assert (bench.parked, lane.window_size(), lane.unsettled) == (0, 10, 0)


@in_virtual_time
async def test_a_message_with_a_delivery_in_a_line_that_moves_is_not_parked() -> None:
    bench = Bench()
    async with running(bench) as lane:
        progress = await bench.take()
        progress.in_line = 2
        progress.stuck = 1
        await asyncio.sleep(NOTICED_S)
        assert (bench.parked, lane.window_size()) == (0, 10)
        progress.stuck = 2
        await asyncio.sleep(LOOK_EVERY_S)
        assert (bench.parked, lane.window_size()) == (1, 11)
        progress.stuck = 0
        await asyncio.sleep(LOOK_EVERY_S)
        assert (bench.parked, lane.window_size()) == (0, 10)


@in_virtual_time
async def test_the_window_ends_at_a_number_of_messages() -> None:
    bench = Bench()
    async with running(bench) as lane:
        for number in range(50):
            await bench.take(b"%d" % number)
        await asyncio.sleep(NOTICED_S)
        assert (bench.parked, lane.window_size()) == (50, 30)


@in_virtual_time
async def test_the_window_does_not_grow_beyond_its_bytes_and_grows_again_once_they_are_gone() -> (
    None
):
    bench = Bench(most_bytes=1000)
    large = 999 * b"x"
    async with running(bench) as lane:
        await bench.take(large)
        await bench.take(b"1")
        await asyncio.sleep(NOTICED_S)
        assert (bench.parked, lane.window_size()) == (2, 10)
        await bench.end(large)
        await asyncio.sleep(LOOK_EVERY_S)
        assert (bench.parked, lane.window_size()) == (1, 11)


@in_virtual_time
async def test_the_age_of_the_oldest_message_not_begun_is_known() -> None:
    bench = Bench()
    async with running(bench):
        await bench.take(b"begun")
        oldest = await bench.take(b"oldest", begun=False)
        await asyncio.sleep(2.0)
        await bench.take(b"younger", begun=False)
        await asyncio.sleep(1.0)
        assert bench.not_begun_s in (3.0, 2.95)
        oldest.begun = True
        await asyncio.sleep(LOOK_EVERY_S)
        assert 1.0 <= bench.not_begun_s <= 1.05
        await bench.end(b"younger")
        await asyncio.sleep(LOOK_EVERY_S)
        assert bench.not_begun_s == 0.0


@in_virtual_time
async def test_messages_in_the_queue_wait_at_least_since_they_were_seen_and_none_taken_in() -> None:
    bench = Bench()
    async with running(bench) as lane:
        await bench.take()
        await asyncio.sleep(3600.0)
        assert bench.not_begun_s == 0.0
        lane.note_waiting(5)
        assert bench.not_begun_s == 0.0
        await asyncio.sleep(3.0)
        lane.note_waiting(6)
        assert bench.not_begun_s == 3.0
        await bench.take(b"2")
        assert bench.not_begun_s == 0.0
        await asyncio.sleep(1.0)
        assert bench.not_begun_s == 1.0
        lane.note_waiting(0)
        assert bench.not_begun_s == 0.0


@in_virtual_time
async def test_a_lane_is_not_well_while_one_message_is_not_begun_though_others_are_settled() -> (
    None
):
    bench = Bench()
    async with running(bench) as lane:
        await bench.take(b"late", begun=False)
        for number in range(11):
            await asyncio.sleep(1.0)
            await bench.take(b"%d" % number)
            await bench.end(b"%d" % number)
        told = lane.state(STALL_S)
        assert told == "1 messages held, 0 in the queue, one not begun for 11 s"
        assert lane.state(STALL_S + 2) == "ok"


@in_virtual_time
async def test_a_lane_is_well_while_parked_messages_are_begun_and_others_are_settled() -> None:
    bench = Bench()
    async with running(bench) as lane:
        await bench.take(b"parked")
        for number in range(11):
            await asyncio.sleep(1.0)
            await bench.take(b"%d" % number)
            await bench.end(b"%d" % number)
        assert lane.state(STALL_S) == "ok"


@in_virtual_time
async def test_a_lane_that_idled_for_long_has_time_to_begin_what_comes() -> None:
    bench = Bench()
    async with running(bench) as lane:
        await asyncio.sleep(10 * STALL_S)
        lane.note_waiting(1)
        assert lane.state(STALL_S) == "ok"
        await asyncio.sleep(STALL_S + 0.1)
        assert lane.state(STALL_S) == "0 messages held, 1 in the queue, none settled for 10 s"


@in_virtual_time
async def test_the_bytes_of_a_stopped_lanes_messages_are_held_no_more() -> None:
    bench = Bench(most_bytes=10)
    async with running(bench) as lane:
        await bench.take(100 * b"x")
    assert (lane.unsettled, lane._held_bytes) == (0, 0)


@in_virtual_time
async def test_a_lane_that_idled_for_long_has_time_to_settle_its_next_message() -> None:
    bench = Bench()
    async with running(bench) as lane:
        await asyncio.sleep(100 * STALL_S)
        await bench.take()
        assert lane.state(STALL_S) == "ok"
        await asyncio.sleep(STALL_S - 1.0)
        assert lane.state(STALL_S) == "ok"
        await asyncio.sleep(1.5)
        told = lane.state(STALL_S)
        assert told == "1 messages held, 0 in the queue, none settled for 10 s"


@in_virtual_time
async def test_a_backlog_seen_behind_a_stuck_message_gives_the_lane_no_more_time() -> None:
    bench = Bench()
    async with running(bench) as lane:
        await bench.take()
        await asyncio.sleep(STALL_S - 1.0)
        lane.note_waiting(5)
        await bench.take(b"2")
        await asyncio.sleep(1.5)
        told = lane.state(STALL_S)
        assert told == "2 messages held, 5 in the queue, none settled for 10 s"
