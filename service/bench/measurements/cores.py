"""CPU time of broker, store and worker for each event: what `capacity` computes with.

The worker's figure is that between a tenth and nearly all of the backlog. The servers' figures
cover the whole of it, from the first event published to the last delivery settled.
"""

from collections.abc import Sequence
from statistics import median
from typing import Any

from service.bench.figures import rounded
from service.bench.measurements.drain import ACCOUNTS, Backlog, drained
from service.bench.setting.seed import all_each, one_each, store
from service.bench.setting.sink import ENDPOINTS
from service.bench.setting.site import Site
from service.bench.tree import tree_cpu_s

Cost = dict[str, float]

# Rows wait longer on a busy machine, and none may be missing in the store's cost.
SETTINGS = {"SWITCHHOOK_ATTEMPTS__BUFFER_ROWS": "1000000"}


async def cores(site: Site) -> dict[str, Any]:
    """Measure one webhook per event and ten, in microseconds of CPU time per event."""
    events = site.effort.events
    await store(site.mongo_url, "cores_1", one_each(ACCOUNTS, site.sink.urls()))
    await store(site.mongo_url, "cores_10", all_each(ACCOUNTS, site.sink.urls()))
    ones, tens = [], []
    for pair in range(1, site.effort.pairs + 1):
        ones.append(await _cost(site, "cores_1", Backlog(ACCOUNTS, events)))
        tens.append(await _cost(site, "cores_10", Backlog(ACCOUNTS, events // 5, ENDPOINTS)))
        site.tell(f"pair {pair} of {site.effort.pairs}: {_told(ones[-1])}; ten: {_told(tens[-1])}")
    return {"cores": {"one": _medians(ones), "ten": _medians(tens)}}


async def _cost(site: Site, database: str, backlog: Backlog) -> Cost:
    servers = {"broker": site.broker, "store": site.store}
    before = {name: tree_cpu_s([server.pid]) for name, server in servers.items()}
    run = await drained(site, backlog, site.service(database, **SETTINGS))
    cost = {"worker": run.speed.cpu_us * backlog.fan_out}
    for name, server in servers.items():
        cost[name] = (tree_cpu_s([server.pid]) - before[name]) / backlog.events * 1e6
    return cost


def _medians(costs: Sequence[Cost]) -> Cost:
    return {name: rounded(median(cost[name] for cost in costs)) for name in costs[0]}


def _told(cost: Cost) -> str:
    return ", ".join(f"{name} {value:.0f} µs" for name, value in cost.items())
