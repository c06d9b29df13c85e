"""Which rows of a long log each look reads, and what the sums cover."""

from collections.abc import Sequence

from service.documents.buckets import AFTER_ALL_IDS
from service.management.counting import A_LOOK, MOST_COUNTED, Part, look
from service.management.tally import Tally, figures_of

SINCE = "01"
PER_ID = 100
"""Rows of the log with the same beginning of their id."""


class Log:
    """A log of ids `<time>-<number>`."""

    def __init__(self, times: Sequence[int]) -> None:
        self.ids = [f"{at:02}-{number:03}" for at in times for number in range(PER_ID)]
        self.read: list[int] = []
        self.known: Part | None = None

    async def __call__(self, first: str, end: str, most: int) -> Part:
        chosen = sorted(one for one in self.ids if first <= one < end)[-most:]
        self.read.append(len(chosen))
        sums = [Tally("w", True, 8, len(chosen))] if chosen else []
        return Part(chosen[0] if len(chosen) == most else first, end, len(chosen), sums)

    async def look(self, settled: int) -> Part:
        self.read = []
        self.known, shown = await look(self, self.known, SINCE, f"{settled:02}")
        assert sum(self.read) <= A_LOOK
        covered = [one for one in self.ids if shown.first <= one]
        assert figures_of(shown.tallies).attempts == len(covered), "each row is counted once"
        assert shown.end == AFTER_ALL_IDS
        return shown


async def test_a_short_log_is_counted_whole_at_once() -> None:
    log = Log(range(5, 40))
    assert (await log.look(35)).first == SINCE
    assert log.read == [500, 3000]
    await log.look(35)
    assert log.read == [500], "settled rows are not read again"


async def test_a_long_log_is_counted_further_back_with_each_look() -> None:
    log = Log(range(1, 99))
    assert (await log.look(97)).first == "49-000"
    assert (await log.look(97)).first == "01-000"
    assert (await log.look(97)).first == SINCE
    assert log.read == [200, 0]


async def test_rows_that_came_since_and_rows_that_came_late_are_counted() -> None:
    log = Log([*range(5, 20), 22])
    await log.look(20)
    log.ids += Log([21, 23, 24]).ids
    assert (await log.look(23)).first == SINCE
    assert log.read == [200, 200]


async def test_more_new_rows_than_a_look_reads_leave_no_gap() -> None:
    log = Log(range(1, 5))
    await log.look(4)
    log.ids += Log(range(6, 80)).ids
    assert (await log.look(75)).first == "30-000"
    assert log.read == [500, 4500]


async def test_new_rows_that_fill_a_look_are_shown_alone() -> None:
    log = Log(range(1, 90))
    assert (await log.look(20)).first == "40-000"
    assert log.read == [A_LOOK]


async def test_a_clock_that_was_set_back_counts_nothing_twice() -> None:
    log = Log(range(1, 30))
    await log.look(25)
    await log.look(20)
    assert log.read == [500]


async def test_the_count_does_not_go_back_without_end() -> None:
    log = Log(range(1, 99))
    log.known = Part("50", "97", MOST_COUNTED, [Tally("w", True, 8, 47 * PER_ID)])
    await log.look(97)
    assert log.read == [200]
