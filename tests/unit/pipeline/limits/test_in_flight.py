"""Requests in flight of a webhook that was deleted: cut short, and nothing else is."""

import asyncio

import pytest

from service.pipeline.limits.in_flight import InFlight
from tests.virtual_time import in_virtual_time, settle


class Requests:
    """Requests that hang; `ended` says how each of them did."""

    def __init__(self) -> None:
        self.in_flight = InFlight()
        self.ended: list[str] = []

    def begin(self, webhook_id: str) -> asyncio.Task[None]:
        return asyncio.create_task(self._request(webhook_id))

    async def _request(self, webhook_id: str) -> None:
        task = self.in_flight.begin(webhook_id)
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            if not self.in_flight.was_cut(task):
                self.ended.append("cancelled")
                raise
            self.ended.append("cut")
        finally:
            self.in_flight.end(webhook_id, task)
        await asyncio.sleep(1)  # what follows is not disturbed

    @property
    def forgotten(self) -> bool:
        return not self.in_flight._tasks and not self.in_flight._cut


@in_virtual_time
async def test_all_requests_of_a_webhook_are_cut_and_their_tasks_go_on() -> None:
    requests = Requests()
    tasks = [requests.begin("gone") for _ in range(3)]
    other = requests.begin("other")
    await settle()
    requests.in_flight.cut("gone")
    await asyncio.gather(*tasks)
    assert requests.ended == ["cut"] * 3
    assert [task.cancelling() for task in tasks] == [0, 0, 0]
    assert not other.done()
    requests.in_flight.cut("other")
    await other
    assert requests.forgotten


@in_virtual_time
async def test_one_who_is_cancelled_by_somebody_else_was_not_cut() -> None:
    requests = Requests()
    task = requests.begin("hook")
    await settle()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert requests.ended == ["cancelled"]
    assert requests.forgotten


@pytest.mark.parametrize("cut_first", [True, False])
@in_virtual_time
async def test_one_who_is_cut_and_cancelled_at_once_is_cancelled(cut_first: bool) -> None:
    requests = Requests()
    task = requests.begin("hook")
    await settle()
    if cut_first:
        requests.in_flight.cut("hook")
        task.cancel()
    else:
        task.cancel()
        requests.in_flight.cut("hook")
    with pytest.raises(asyncio.CancelledError):
        await task
    assert requests.ended == ["cancelled"]
    assert requests.forgotten


@in_virtual_time
async def test_cutting_twice_is_cutting_once() -> None:
    requests = Requests()
    task = requests.begin("hook")
    await settle()
    requests.in_flight.cut("hook")
    requests.in_flight.cut("hook")
    await task
    assert requests.ended == ["cut"]
    assert requests.forgotten


@in_virtual_time
async def test_cutting_what_is_not_in_flight_does_nothing() -> None:
    requests = Requests()
    task = requests.begin("hook")
    await settle()
    requests.in_flight.cut("another")
    await settle()
    assert not task.done()
    task.cancel()
    await asyncio.wait([task])


@in_virtual_time
async def test_a_request_that_ends_though_it_was_cut_leaves_nothing_behind() -> None:
    # A driver may drop a cancellation that comes in the same moment as the reply.
    in_flight = InFlight()

    async def deaf() -> int:
        task = in_flight.begin("hook")
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            pass
        finally:
            in_flight.end("hook", task)
        await asyncio.sleep(1)
        return task.cancelling()

    task = asyncio.create_task(deaf())
    await settle()
    in_flight.cut("hook")
    assert await task == 0
    assert (in_flight._tasks, in_flight._cut) == ({}, set())
