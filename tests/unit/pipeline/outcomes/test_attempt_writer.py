import asyncio
from collections.abc import Sequence
from contextlib import suppress

import pytest

from service.domain.delivery import Attempt, Outcome, Response
from service.domain.errors import StoreUnavailable
from service.observability.metrics import Metrics
from service.pipeline.outcomes.attempt_writer import AttemptWriter
from tests.builders import make_attempt
from tests.fakes import FakeLog, counted, make_metrics
from tests.virtual_time import in_virtual_time

SUCCESS = Response(Outcome.SUCCEEDED, 200)


class Slow(FakeLog):
    """A log that is away, but takes its time to say so; meanwhile `adding` comes in."""

    def __init__(self, recorder_adds: list[Attempt]) -> None:
        super().__init__(failures=1)
        self.adding = recorder_adds
        self.attempt_writer: AttemptWriter | None = None

    async def write(self, attempts: object) -> None:
        assert self.attempt_writer
        for attempt in self.adding:
            self.attempt_writer.add(attempt)
        self.adding = []
        await super().write(attempts)  # type: ignore[arg-type]


def rows(*numbers: int) -> list[Attempt]:
    return [make_attempt(attempt=number) for number in numbers]


def make_recorder(
    log: FakeLog, *, capacity: int = 10_000, record_successes: bool = True
) -> tuple[AttemptWriter, Metrics]:
    metrics = make_metrics()
    return AttemptWriter(log, metrics, capacity, record_successes=record_successes), metrics


def written(log: FakeLog) -> list[int]:
    return [attempt.attempt for attempt in log.rows]


async def test_rows_are_written_in_bulk_in_the_order_they_came() -> None:
    log = FakeLog()
    attempt_writer, metrics = make_recorder(log)
    for attempt in rows(*range(1, 1202)):
        attempt_writer.add(attempt)
    assert log.rows == []

    await attempt_writer.flush()

    assert log.batches == [500, 500, 201]
    assert written(log) == list(range(1, 1202))
    assert counted(metrics, "attempt_log_dropped_total") == 0


class Overtaken(FakeLog):
    """A log during whose every write a thousand more rows come in, as under full load."""

    attempt_writer: AttemptWriter | None = None
    writes_left = 100

    async def write(self, attempts: Sequence[Attempt]) -> None:
        await super().write(attempts)
        self.writes_left -= 1
        if self.attempt_writer and self.writes_left > 0:
            for attempt in rows(*range(1000)):
                self.attempt_writer.add(attempt)


async def test_rows_that_come_a_thousand_per_write_are_all_written() -> None:
    log = Overtaken()
    log.attempt_writer, metrics = make_recorder(log)
    for attempt in rows(*range(3000)):
        log.attempt_writer.add(attempt)

    await log.attempt_writer.flush()

    assert counted(metrics, "attempt_log_dropped_total") == 0
    assert len(log.rows) == 3000 + 99 * 1000
    assert max(log.batches) <= 2000


class Busy(FakeLog):
    """A log that is slow to write once: meanwhile many more rows come in."""

    attempt_writer: AttemptWriter | None = None

    async def write(self, attempts: Sequence[Attempt]) -> None:
        await super().write(attempts)
        if self.attempt_writer and len(self.batches) == 1:
            for attempt in rows(*range(1000, 1700)):
                self.attempt_writer.add(attempt)


async def test_a_few_rows_are_written_a_few_at_a_time() -> None:
    log = FakeLog()
    attempt_writer, _ = make_recorder(log)
    for attempt in rows(*range(1, 46)):
        attempt_writer.add(attempt)
    await attempt_writer.flush()
    assert log.batches == [20, 20, 5]
    assert written(log) == list(range(1, 46))


async def test_rows_that_became_many_meanwhile_are_written_in_bulk() -> None:
    log = Busy()
    attempt_writer, _ = make_recorder(log)
    log.attempt_writer = attempt_writer
    for attempt in rows(*range(1, 46)):
        attempt_writer.add(attempt)
    await attempt_writer.flush()
    assert log.batches[:2] == [20, 500]


async def test_nothing_to_write_asks_nothing_of_the_store() -> None:
    log = FakeLog(failures=1)
    attempt_writer, _ = make_recorder(log)
    await attempt_writer.flush()
    assert log.failures == 1


async def test_where_the_buffer_is_full_the_oldest_row_goes_and_is_counted() -> None:
    log = FakeLog()
    attempt_writer, metrics = make_recorder(log, capacity=3)
    for attempt in rows(1, 2, 3, 4, 5):
        attempt_writer.add(attempt)
    await attempt_writer.flush()
    assert written(log) == [3, 4, 5]
    assert counted(metrics, "attempt_log_dropped_total") == 2


async def test_rows_wait_while_the_store_is_away() -> None:
    log = FakeLog(failures=1)
    attempt_writer, metrics = make_recorder(log)
    for attempt in rows(1, 2, 3):
        attempt_writer.add(attempt)
    with pytest.raises(StoreUnavailable):
        await attempt_writer.flush()
    attempt_writer.add(make_attempt(attempt=4))

    await attempt_writer.flush()

    assert written(log) == [1, 2, 3, 4]
    assert counted(metrics, "attempt_log_dropped_total") == 0


@pytest.mark.parametrize(
    ("came_meanwhile", "kept", "dropped"),
    [
        ([4], [2, 3, 4], 1),
        ([4, 5], [3, 4, 5], 2),
        ([4, 5, 6], [4, 5, 6], 3),
        ([4, 5, 6, 7], [5, 6, 7], 4),
    ],
)
async def test_what_came_while_a_write_failed_pushes_the_oldest_out(
    came_meanwhile: list[int], kept: list[int], dropped: int
) -> None:
    log = Slow(rows(*came_meanwhile))
    attempt_writer, metrics = make_recorder(log, capacity=3)
    log.attempt_writer = attempt_writer
    for attempt in rows(1, 2, 3):
        attempt_writer.add(attempt)
    with pytest.raises(StoreUnavailable):
        await attempt_writer.flush()

    await attempt_writer.flush()

    assert written(log) == kept
    assert counted(metrics, "attempt_log_dropped_total") == dropped


async def test_successes_are_skipped_where_nobody_wants_them() -> None:
    log = FakeLog()
    attempt_writer, metrics = make_recorder(log, record_successes=False)
    attempt_writer.add(make_attempt(SUCCESS, attempt=1))
    attempt_writer.add(make_attempt(attempt=2))
    await attempt_writer.flush()
    assert written(log) == [2]
    assert counted(metrics, "attempt_log_dropped_total") == 0


async def test_successes_are_recorded_where_they_are_wanted() -> None:
    log = FakeLog()
    attempt_writer, _ = make_recorder(log)
    attempt_writer.add(make_attempt(SUCCESS))
    await attempt_writer.flush()
    assert written(log) == [1]


@in_virtual_time
async def test_rows_are_written_five_times_a_second() -> None:
    log = FakeLog()
    attempt_writer, _ = make_recorder(log)
    running = asyncio.create_task(attempt_writer.run())
    attempt_writer.add(make_attempt(attempt=1))
    await asyncio.sleep(0.19)
    assert written(log) == []
    await asyncio.sleep(0.02)
    assert written(log) == [1]
    await stop(running)


@in_virtual_time
async def test_a_store_that_is_away_is_left_alone_for_a_second() -> None:
    log = FakeLog(failures=1)
    attempt_writer, _ = make_recorder(log)
    running = asyncio.create_task(attempt_writer.run())
    attempt_writer.add(make_attempt(attempt=1))
    await asyncio.sleep(1.3)
    assert (log.failures, written(log)) == (0, [])
    await asyncio.sleep(0.2)
    assert written(log) == [1]
    await stop(running)


async def stop(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


@in_virtual_time
async def test_rows_that_are_being_written_when_the_service_stops_are_waited_for() -> None:
    class Leisurely(FakeLog):
        async def write(self, attempts: Sequence[Attempt]) -> None:
            await asyncio.sleep(1)
            await super().write(attempts)

    log = Leisurely()
    attempt_writer, _ = make_recorder(log)
    writing = asyncio.create_task(attempt_writer.run())
    attempt_writer.add(rows(1)[0])
    await asyncio.sleep(0.5)
    await attempt_writer.flush()
    writing.cancel()
    assert written(log) == [1]
