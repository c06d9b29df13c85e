"""Workers: what they write of themselves, and what is made of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from service.domain.errors import StoreUnavailable
from service.management.workers import Heartbeat, Workers

NOW = datetime(2026, 1, 2, 12, tzinfo=UTC)


@dataclass
class Register:
    """Keeps the states in memory."""

    kept: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    away: bool = False

    async def note(self, worker_id: str, state: Mapping[str, Any]) -> None:
        self._answer()
        self.kept[worker_id] = {"_id": worker_id, **state}

    async def remove(self, worker_id: str) -> None:
        self._answer()
        self.kept.pop(worker_id, None)

    async def all(self) -> Sequence[Mapping[str, Any]]:
        return [*self.kept.values()]

    def _answer(self) -> None:
        if self.away:
            raise StoreUnavailable("the store is away", "start it")


def heart(register: Register, pid: int, at: datetime = NOW, **vitals: Any) -> Heartbeat:
    async def told() -> Mapping[str, Any]:
        state = {
            "checks": {"events": "ok"}, "in_flight": 3, "unsettled": 4, "last_event_at": None,
            "certificates": [],
        }  # fmt: skip
        return {**state, **vitals}

    identity = {"host": "a", "pid": pid, "number": None, "version": "1", "started_at": NOW}
    return Heartbeat(register, f"a:{pid}", identity, told, lambda: at)


async def test_workers_in_trouble_come_first_and_say_why() -> None:
    register = Register()
    await heart(register, 1).beat()
    await heart(register, 2, checks={"events": "ok", "store": "does not answer"}).beat()
    await heart(register, 3, NOW - timedelta(seconds=21)).beat()
    found = await Workers(register, lambda: NOW).all()
    assert [(one["pid"], one["state"], one["failing"]) for one in found] == [
        (2, "failing", {"store": "does not answer"}),
        (3, "silent", {}),
        (1, "ok", {}),
    ]
    assert found[2]["seen_at"] == "2026-01-02T12:00:00.000+00:00"
    assert found[2]["last_event_at"] is None


async def test_a_worker_that_ends_in_good_order_leaves_the_list() -> None:
    register = Register()
    one = heart(register, 1)
    await one.beat()
    await one.leave()
    assert await Workers(register).all() == []


async def test_a_store_that_is_away_stops_no_heart() -> None:
    register = Register(away=True)
    one = heart(register, 1)
    await one.beat()
    await one.leave()
    assert register.kept == {}


async def test_the_latest_word_on_a_certificate_counts() -> None:
    register = Register()
    days = [NOW + timedelta(days=n) for n in range(5)]
    early = NOW - timedelta(seconds=5)
    old = [{"host": "a", "expires_at": days[1]}, {"host": "b", "expires_at": days[3]}]
    await heart(register, 1, early, certificates=old).beat()
    await heart(register, 2, certificates=[{"host": "a", "expires_at": days[4]}]).beat()
    found = await Workers(register).certificates()
    assert [(one["host"], one["expires_at"][:10]) for one in found] == [
        ("b", "2026-01-05"),
        ("a", "2026-01-06"),
    ]
