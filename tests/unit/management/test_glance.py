"""How long a count of attempts is shown again."""

from datetime import UTC, datetime
from typing import Any

import pytest

from service.documents.buckets import AFTER_ALL_IDS
from service.management.counting import Part
from service.management.glance import DEAR_S, LONGEST_S, MOST_KEPT, WORTH, Glance
from service.management.tally import Tally

NOW = datetime(2026, 3, 4, 12, 30, tzinfo=UTC)


class Counting:
    """Tallies of nothing that take a given time."""

    def __init__(self) -> None:
        self.at = 1000.0
        self.takes_s = 0.0
        self.asked: list[Any] = []
        self.found: list[Tally] = []

    async def by_hour(
        self, selection: Any, webhook_ids: Any, first: str, end: str, most: int
    ) -> Part:
        if end == AFTER_ALL_IDS:
            self.asked.append((selection.account_id, webhook_ids, most))
            self.at += self.takes_s
        return Part(first, end, 1, self.found)


@pytest.fixture
def tallies() -> Counting:
    return Counting()


@pytest.fixture
def glance(tallies: Counting) -> Glance:
    return Glance(tallies, lambda: NOW, lambda: tallies.at)  # type: ignore[arg-type]


async def test_a_quick_count_is_made_each_time(glance: Glance, tallies: Counting) -> None:
    tallies.takes_s = DEAR_S / 2
    for _ in range(3):
        await glance.webhooks("a", ["w"], own_only=False)
    assert len(tallies.asked) == 3


@pytest.mark.parametrize(("takes_s", "shown_s"), [(0.1, 0.1 * WORTH), (2.0, LONGEST_S)])
async def test_a_dear_count_is_shown_again_the_longer_the_more_it_took(
    glance: Glance, tallies: Counting, takes_s: float, shown_s: float
) -> None:
    tallies.takes_s = takes_s
    await glance.webhooks("a", ["w"], own_only=False)
    tallies.at += shown_s - 0.01
    await glance.webhooks("a", ["w"], own_only=False)
    assert len(tallies.asked) == 1
    tallies.at += 0.02
    await glance.webhooks("a", ["w"], own_only=False)
    assert len(tallies.asked) == 2


async def test_no_account_is_shown_what_another_asked(glance: Glance, tallies: Counting) -> None:
    tallies.takes_s = 1.0
    await glance.webhooks("a", None, own_only=True)
    await glance.webhooks("b", None, own_only=True)
    await glance.webhooks("a", None, own_only=False)
    await glance.webhooks("a", ["w"], own_only=True)
    assert len(tallies.asked) == 4


async def test_the_sums_of_very_many_webhooks_are_not_kept(
    glance: Glance, tallies: Counting
) -> None:
    for webhooks, kept in ((MOST_KEPT // 2, 1), (MOST_KEPT + 1, 0)):
        ids = [f"hook-{number}" for number in range(webhooks)]
        tallies.found = [Tally(one, succeeded=True, band=3, count=1) for one in ids]
        glance.parts.clear()
        await glance.webhooks("a", None, own_only=False)
        assert len(glance.parts) == kept
