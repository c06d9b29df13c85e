import pytest

from service.domain.errors import BrokerUnavailable, StoreUnavailable
from service.pipeline.recovery.availability import Availability
from tests.fakes import counted, make_metrics
from tests.virtual_time import in_virtual_time, now


class Away:
    """Raises for the first few questions, and notes when each was asked."""

    def __init__(self, times: int, error: Exception) -> None:
        self.asked_at: list[float] = []
        self._times = times
        self._error = error

    async def ask(self) -> str:
        self.asked_at.append(round(now(), 6))
        if len(self.asked_at) <= self._times:
            raise self._error
        return "answer"

    async def publish(self) -> None:
        await self.ask()


@in_virtual_time
async def test_an_answer_is_returned_at_once() -> None:
    there = Away(0, StoreUnavailable("away"))
    assert await Availability(make_metrics()).until_available(there.ask) == "answer"
    assert there.asked_at == [0.0]


@in_virtual_time
async def test_pauses_grow_up_to_five_seconds() -> None:
    away = Away(8, StoreUnavailable("away"))
    assert await Availability(make_metrics()).until_available(away.ask) == "answer"
    assert away.asked_at == [0.0, 0.2, 0.6, 1.4, 3.0, 6.2, 11.2, 16.2, 21.2]


@in_virtual_time
async def test_what_is_not_confirmed_is_published_again() -> None:
    away = Away(2, BrokerUnavailable("nothing heard"))
    await Availability(make_metrics()).until_confirmed(away.publish)
    assert away.asked_at == [0.0, 0.2, 0.6]


@in_virtual_time
async def test_each_pause_is_counted_by_what_was_away() -> None:
    metrics = make_metrics()
    await Availability(metrics).until_available(Away(3, StoreUnavailable("away")).ask)
    await Availability(metrics).until_available(Away(1, BrokerUnavailable("away")).ask)
    assert counted(metrics, "dependency_waits_total", error="StoreUnavailable") == 3
    assert counted(metrics, "dependency_waits_total", error="BrokerUnavailable") == 1


@in_virtual_time
async def test_any_other_error_is_passed_on() -> None:
    broken = Away(1, RuntimeError("bug"))
    with pytest.raises(RuntimeError, match="bug"):
        await Availability(make_metrics()).until_available(broken.ask)
    assert broken.asked_at == [0.0]
