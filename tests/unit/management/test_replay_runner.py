"""How a replay paces itself; that it works on real servers is for `tests/e2e` to show."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from structlog.testing import capture_logs

from service.domain.delivery import Delivery
from service.domain.errors import StoreUnavailable
from service.management.dead_letters import DeadLetters
from service.management.replay import Progress, Replay, ReplayState
from service.management.replay_runner import LEASE, ReplayRunner
from service.management.selection import Selection
from tests.builders import make_delivery
from tests.unit.management.audit_parts import unread
from tests.virtual_time import in_virtual_time, now

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


class Store:
    """Letters and one replay of them, and when each letter was revived."""

    def __init__(self, count: int, **members: Any) -> None:
        self.waiting = [f"letter-{number}" for number in range(count)]
        values = {"matched": count, "limit": 1000, "rate_per_s": 1000.0, **members}
        self.replay = Replay(
            "r-1", "a", Selection("a"), created_at=BEGIN, created_by="token:1", **values
        )
        self.leased_until = BEGIN
        self.revived: list[tuple[str, float]] = []
        self.leases: list[timedelta] = []
        self.cancelled_after: int | None = None
        self.away_after: int | None = None

    def clock(self) -> datetime:
        return BEGIN + timedelta(seconds=now())

    async def claim(self, at: datetime, until: datetime) -> Replay | None:
        if self.replay.state is not ReplayState.RUNNING or self.leased_until > at:
            return None
        self.leased_until = until
        return self.replay

    async def advance(self, replay_id: str, progress: Progress) -> bool:
        assert replay_id == self.replay.replay_id
        if self.replay.state is not ReplayState.RUNNING:
            return False
        self.leases.append(progress.leased_until - self.clock())
        self.leased_until = progress.leased_until
        self.replay = replace(self.replay, replayed=progress.replayed, state=progress.state)
        if len(self.revived) == self.cancelled_after:
            self.replay = replace(self.replay, state=ReplayState.CANCELLED)
        return True

    async def find(self, account_id: str | None, replay_id: str) -> Replay | None:
        return self.replay if (account_id, replay_id) == ("a", "r-1") else None

    async def oldest(self, selection: Selection, size: int) -> Sequence[Any]:
        assert selection == self.replay.selection
        if len(self.revived) == self.away_after:
            self.away_after = None
            raise StoreUnavailable("away")
        return [{"_id": letter_id} for letter_id in self.waiting[:size]]

    async def mark_replayed(self, letter: Any, replay_id: str, by: str, at: datetime) -> None:
        assert (replay_id, by, at) == ("r-1", "token:1", self.clock())
        self.waiting.remove(letter["_id"])

    def delivery(self, letter: Any) -> Delivery:
        return make_delivery(delivery_id=letter["_id"])

    async def revive(self, delivery: Delivery) -> None:
        assert delivery.replay_id == "r-1"
        self.revived.append((delivery.delivery_id, now()))


def runner_of(store: Store) -> ReplayRunner:
    everything = cast("Any", store)
    return ReplayRunner(DeadLetters(everything, everything, everything, unread(), store.clock))


@in_virtual_time
async def test_a_replay_revives_everything_once_and_is_finished() -> None:
    store = Store(120)
    await runner_of(store).run_next()
    revived = [letter_id for letter_id, _ in store.revived]
    assert revived == [f"letter-{number}" for number in range(120)]
    assert (store.replay.state, store.replay.replayed) == (ReplayState.FINISHED, 120)
    assert store.waiting == []


@pytest.mark.parametrize(("rate_per_s", "least_s"), [(0.1, 40), (1.0, 4), (2.5, 1.6)])
def test_a_replay_is_no_faster_than_it_may_be(rate_per_s: float, least_s: float) -> None:
    @in_virtual_time
    async def check() -> None:
        store = Store(5, rate_per_s=rate_per_s)
        await runner_of(store).run_next()
        times = [at for _, at in store.revived]
        assert len(times) == 5
        # The clock of the machine goes on a little, and is made up for.
        assert times[-1] - times[0] >= least_s * 0.9 - 1

    check()


@in_virtual_time
async def test_a_lease_outlives_the_longest_pause() -> None:
    store = Store(3, rate_per_s=0.1)
    await runner_of(store).run_next()
    assert set(store.leases) == {LEASE}
    assert timedelta(seconds=10) < LEASE


@in_virtual_time
async def test_a_limit_is_kept_to_over_all_batches() -> None:
    store = Store(120, limit=70)
    await runner_of(store).run_next()
    assert len(store.revived) == 70
    assert (store.replay.state, store.replay.replayed) == (ReplayState.FINISHED, 70)


@in_virtual_time
async def test_a_replay_that_was_begun_elsewhere_goes_on_from_there() -> None:
    store = Store(30, limit=70, replayed=60)
    await runner_of(store).run_next()
    assert len(store.revived) == 10
    assert store.replay.replayed == 70


@in_virtual_time
async def test_a_replay_cancelled_as_it_ended_is_not_said_to_be_finished() -> None:
    store = Store(0)
    store.cancelled_after = 0
    with capture_logs() as lines:
        await runner_of(store).run_next()
    assert store.replay.state is ReplayState.CANCELLED
    assert lines == []


@in_virtual_time
async def test_a_cancelled_replay_revives_nothing_more() -> None:
    store = Store(5, rate_per_s=1.0)
    store.cancelled_after = 1
    await runner_of(store).run_next()
    assert [letter_id for letter_id, _ in store.revived] == ["letter-0"]
    assert store.replay.state is ReplayState.CANCELLED


@in_virtual_time
async def test_while_another_worker_holds_the_lease_nothing_is_done() -> None:
    store = Store(5)
    store.leased_until = BEGIN + timedelta(seconds=1)
    await runner_of(store).run_next()
    assert store.revived == []


@in_virtual_time
async def test_a_store_that_was_away_is_asked_again_once_the_lease_is_over() -> None:
    store = Store(120)
    store.away_after = 50
    runner = runner_of(store)
    with pytest.raises(StoreUnavailable):
        await runner.run_next()
    await runner.run_next()
    assert len(store.revived) == 50
    store.leased_until = store.clock()
    await runner.run_next()
    assert len(store.revived) == 120
    assert store.replay.state is ReplayState.FINISHED
