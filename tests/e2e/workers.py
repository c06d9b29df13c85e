"""What the tests of several workers share: events to publish, processes and health to look at."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from service.dev.process import ServiceProcess
from tests.e2e.harness import call_event, eventually, logged, metric, switch

StartWorkers = Callable[..., Awaitable[ServiceProcess]]

CONSUMED = 'switchhook_events_consumed_total{hook="channel_create",source="kazoo"}'
SUCCEEDED = 'switchhook_attempts_total{outcome="succeeded"}'


async def publish(settings: dict[str, str], count: int) -> None:
    async with switch(settings["SWITCHHOOK_AMQP__URL"]) as kazoo:
        for number in range(count):
            await kazoo.publish(call_event(f"c-{number}"))


@asynccontextmanager
async def load(settings: dict[str, str]) -> AsyncIterator[list[str]]:
    """Publish events, a hundred a second at most, while the block runs; yield their calls."""
    published: list[str] = []

    async def publish_on() -> None:
        async with switch(settings["SWITCHHOOK_AMQP__URL"]) as kazoo:
            while not enough.is_set():
                call_id = f"c-{len(published)}"
                await kazoo.publish(call_event(call_id))
                published.append(call_id)
                await asyncio.sleep(0.01)

    enough = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(publish_on())
        try:
            yield published
        finally:
            enough.set()


async def in_hand(service: ServiceProcess, count: int) -> bool:
    """Return whether the workers say that they hold so many events and as many requests."""
    metrics = await service.metrics()
    unacked = metric(metrics, 'switchhook_consumer_unacked{lane="events"}')
    return unacked == metric(metrics, "switchhook_pool_in_use") == count


def pids(service: ServiceProcess) -> dict[int, int]:
    """Return the process id of each worker: the last one that was started."""
    return {line["worker"]: line["pid"] for line in logged(service, "worker.started")}


def alive(pids: set[int]) -> set[int]:
    """Return which processes run; one that has ended and waits for its parent does not."""
    found = set()
    for pid in pids:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            continue
        if state != "Z":
            found.add(pid)
    return found


async def until_gone(pids: set[int], timeout_s: float) -> None:
    async def gone() -> bool:
        return not alive(pids)

    await eventually(gone, timeout_s, "the end of the workers")


async def until_status(service: ServiceProcess, path: str, status: int) -> None:
    async def so() -> bool:
        return (await service.get(path))[0] == status

    await eventually(so, 30, f"{path} {status}")
