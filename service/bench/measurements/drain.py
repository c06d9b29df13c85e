"""Drain a backlog: the speed of floor and service in turns, on the same queue.

The backlog is complete before a process starts. The sink counts for both, from outside, so that
counting costs neither of them anything.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from service.bench.figures import Speed, ratios, rounded, speed, spread
from service.bench.sample import memory_mb, until, watch
from service.bench.setting.seed import account_ids, all_each, one_each, store
from service.bench.setting.sink import ENDPOINTS, Counter
from service.bench.setting.site import Site
from service.dev.process import ServiceProcess
from service.dev.servers import Server
from service.domain.errors import SwitchhookError

ACCOUNTS = account_ids(10)
SETTLED = tuple(
    f'switchhook_deliveries_total{{outcome="{outcome}"}}'
    for outcome in ("delivered", "dead_lettered")
)
DROPPED = "switchhook_attempt_log_dropped_total"


@dataclass(frozen=True, slots=True)
class Backlog:
    """Messages in the queue: events of these accounts in turn, each owed to `fan_out` webhooks."""

    accounts: Sequence[str]
    events: int
    fan_out: int = 1

    @property
    def deliveries(self) -> int:
        """The number of requests that the backlog takes."""
        return self.events * self.fan_out


@dataclass(frozen=True, slots=True)
class Run:
    """A drained backlog: speed and peak memory."""

    speed: Speed
    peak_mb: float


async def drained(site: Site, backlog: Backlog, *processes: Server) -> Run:
    """Have the processes drain a backlog. Raises SwitchhookError if they do not."""
    await site.queue.fill(backlog.accounts, backlog.events)
    async with site.sink.counting() as count:
        goal = backlog.deliveries
        return await watched(site, count, goal, processes, deliveries=goal)


async def watched(
    site: Site, count: Counter, goal: int, processes: Sequence[Server], *, deliveries: int
) -> Run:
    """Run the processes until the count reaches the goal; then empty the queues.

    `deliveries` is how many deliveries the services must by then report as settled.
    """
    try:
        for process in processes:
            await process.start()
        samples = await watch(count, processes, goal)
        peak_mb = max(memory_mb(process) for process in processes)
        await _all_done([p for p in processes if isinstance(p, ServiceProcess)], deliveries)
    finally:
        for process in processes:
            await process.stop()
    await site.queue.empty()
    return Run(speed(samples, goal), peak_mb)


async def _all_done(services: Sequence[ServiceProcess], deliveries: int) -> None:
    """Check that the services did all their work. Raises SwitchhookError if they skipped any."""
    if not services:
        return

    async def total(*names: str) -> float:
        found = [await service.metrics() for service in services]
        return sum(metrics.get(name, 0.0) for metrics in found for name in names)

    async def settled() -> bool:
        return await total(*SETTLED) >= deliveries

    await until(settled, "the last delivery to be settled")
    if await total(DROPPED):
        raise SwitchhookError("attempts were dropped from the log: the measurement is not fair")


async def drain(site: Site) -> dict[str, Any]:
    """Measure one webhook per event and ten, each with floor and service in turns."""
    events = site.effort.events
    await store(site.mongo_url, "drain_1", one_each(ACCOUNTS, site.sink.urls()))
    await store(site.mongo_url, "drain_10", all_each(ACCOUNTS, site.sink.urls()))
    return {
        "drain_1": await in_turns(site, "drain_1", Backlog(ACCOUNTS, events)),
        "drain_10": await in_turns(site, "drain_10", Backlog(ACCOUNTS, events // 5, ENDPOINTS)),
    }


async def in_turns(site: Site, database: str, backlog: Backlog) -> dict[str, Any]:
    """Return the speeds of floor and service, and their ratio pair by pair."""
    floors, services = [], []
    for pair in range(1, site.effort.pairs + 1):
        floor = site.floor("deliver", site.sink.urls(), fan_out=backlog.fan_out)
        floors.append(await drained(site, backlog, floor))
        services.append(await drained(site, backlog, site.eager_service(database)))
        site.tell(
            f"{backlog.fan_out} per event, pair {pair} of {site.effort.pairs}: "
            f"floor {floors[-1].speed.per_s:.0f}/s, service {services[-1].speed.per_s:.0f}/s"
        )
    return compared(floors, services)


def compared(floors: Sequence[Run], services: Sequence[Run]) -> dict[str, Any]:
    """Return the figures of floor and service, and their ratios."""
    ratio = ratios([run.speed.per_s for run in services], [run.speed.per_s for run in floors])
    cpu = ratios([run.speed.cpu_us for run in services], [run.speed.cpu_us for run in floors])
    return {
        "floor": summary(floors),
        "service": summary(services),
        "ratio": spread(ratio),
        "cpu_ratio": spread(cpu),
    }


def summary(runs: Sequence[Run]) -> dict[str, Any]:
    """Return the speeds and the peak memory of repetitions."""
    return {
        "per_s": spread([run.speed.per_s for run in runs]),
        "cpu_us": spread([run.speed.cpu_us for run in runs]),
        "peak_mb": rounded(max(run.peak_mb for run in runs)),
    }
