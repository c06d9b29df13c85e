"""Deliveries put off: those of one event travel together, and each is confirmed."""

import asyncio

import pytest

from service.domain.delivery import Delivery
from service.pipeline.deferrals import GATHER_S, MOST_TOGETHER, Deferrals
from service.pipeline.recovery.availability import Availability
from tests.builders import make_delivery
from tests.fakes import FakeQueues, make_metrics
from tests.virtual_time import in_virtual_time, now, settle


class Setting:
    def __init__(self, failures: int = 0) -> None:
        self.queues = FakeQueues(failures=failures)
        self.deferrals = Deferrals(self.queues, Availability(make_metrics()))

    def put_off(
        self, count: int, delay_ms: int = 1000, event_id: str = "event"
    ) -> list[asyncio.Task[None]]:
        return [
            self.deferrals.put_off(delivery_number(number, event_id), delay_ms)
            for number in range(count)
        ]

    @property
    def forgotten(self) -> bool:
        deferrals = self.deferrals
        return not deferrals._open and not deferrals._publishing and not deferrals._tasks


def delivery_number(number: int, event_id: str = "event") -> Delivery:
    return make_delivery(delivery_id=str(number), event_id=event_id)


@in_virtual_time
async def test_deliveries_of_one_event_travel_in_one_message() -> None:
    setting = Setting()
    tasks = setting.put_off(5)
    assert len(set(tasks)) == 1
    await tasks[0]
    assert setting.queues.batches == [5]
    assert setting.queues.retried == [(delivery_number(n), 1000) for n in range(5)]
    await settle()
    assert setting.forgotten


@in_virtual_time
async def test_a_message_has_a_hundred_deliveries_at_most() -> None:
    setting = Setting()
    await asyncio.wait(setting.put_off(2 * MOST_TOGETHER + 50))
    assert setting.queues.batches == [100, 100, 50]
    assert [delivery.delivery_id for delivery, _ in setting.queues.retried] == [
        str(number) for number in range(250)
    ]
    assert setting.forgotten


@in_virtual_time
async def test_other_delays_and_other_events_travel_apart() -> None:
    setting = Setting()
    tasks = [
        *setting.put_off(2, delay_ms=1000),
        *setting.put_off(3, delay_ms=5000),
        *setting.put_off(4, event_id="another"),
    ]
    await asyncio.wait(tasks)
    assert setting.queues.batches == [2, 3, 4]
    assert [delay_ms for _, delay_ms in setting.queues.retried] == 2 * [1000] + 3 * [5000] + 4 * [
        1000
    ]


@in_virtual_time
async def test_what_is_put_off_a_moment_later_travels_in_the_same_message() -> None:
    setting = Setting()
    tasks = setting.put_off(1)
    await asyncio.sleep(GATHER_S / 2)
    tasks += setting.put_off(1)
    await asyncio.wait(tasks)
    assert setting.queues.batches == [2]
    assert round(now(), 6) == GATHER_S


@in_virtual_time
async def test_what_is_put_off_later_travels_in_another_message() -> None:
    setting = Setting()
    [first] = setting.put_off(1)
    await asyncio.sleep(2 * GATHER_S)
    [second] = setting.put_off(1)
    await asyncio.wait([first, second])
    assert setting.queues.batches == [1, 1]


@in_virtual_time
async def test_what_is_not_confirmed_is_published_again_as_a_whole() -> None:
    setting = Setting(failures=2)
    tasks = setting.put_off(3)
    await asyncio.sleep(2 * GATHER_S)
    assert (setting.queues.batches, tasks[0].done()) == ([], False)
    await tasks[0]
    assert setting.queues.batches == [3]
    assert round(now() - GATHER_S, 6) == 0.6
    await settle()
    assert setting.forgotten


@in_virtual_time
async def test_one_that_is_put_off_while_the_broker_is_away_does_not_join_what_is_under_way() -> (
    None
):
    setting = Setting(failures=1)
    [first] = setting.put_off(1)
    await asyncio.sleep(2 * GATHER_S)
    [second] = setting.put_off(1)
    await asyncio.wait([first, second])
    assert sorted(setting.queues.batches) == [1, 1]


@pytest.mark.parametrize("full", [False, True])
@in_virtual_time
async def test_one_who_stops_waiting_does_not_stop_the_others(full: bool) -> None:
    setting = Setting(failures=1)
    tasks = setting.put_off(MOST_TOGETHER if full else 2)

    async def wait() -> None:
        await asyncio.wait({*tasks})

    stopping, staying = asyncio.create_task(wait()), asyncio.create_task(wait())
    await asyncio.sleep(2 * GATHER_S)
    stopping.cancel()
    await staying
    assert stopping.cancelled()
    assert setting.queues.batches == [len(tasks)]
