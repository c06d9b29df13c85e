"""Latency from publishing to the receiver, at fixed rates independent of the receiver.

The age of an event counts from the time at which it was due to be published, so that a publisher
delayed by a busy machine makes the figures worse, not better.
"""

import math
from collections.abc import Sequence
from typing import Any

from service.bench.figures import latency, p99_ms, p99_ratio, rounded
from service.bench.measurements.drain import ACCOUNTS, Backlog, drained
from service.bench.sample import until
from service.bench.setting.seed import one_each, store
from service.bench.setting.site import Site
from service.dev.servers import Server

SLOW_PER_S = 50.0
WARM_UP_S = 2.0
SECONDS = 20.0
PATH = "/aged"


async def latencies(site: Site) -> dict[str, Any]:
    """Measure floor and service in turns, at 50/s and at half of the service's speed."""
    urls = site.receiver.urls(PATH)
    await store(site.mongo_url, "latency", one_each(ACCOUNTS, urls))
    return {
        "latency_slow": await _in_turns(site, urls, SLOW_PER_S),
        "latency_half": await _in_turns(site, urls, await _half_speed(site)),
    }


async def _in_turns(site: Site, urls: Sequence[str], per_s: float) -> dict[str, Any]:
    floors, services = [], []
    for pair in range(1, site.effort.pairs + 1):
        floors.append(await _aged(site, site.floor("deliver", urls), per_s))
        services.append(await _aged(site, site.service("latency"), per_s))
        site.tell(
            f"pair {pair} of {site.effort.pairs}: p99 floor {p99_ms(floors[-1]):.1f} ms, "
            f"service {p99_ms(services[-1]):.1f} ms"
        )
    return {
        "per_s": rounded(per_s),
        "floor": latency(floors),
        "service": latency(services),
        "p99_ratio": p99_ratio(services, floors),
    }


async def _aged(site: Site, process: Server, per_s: float) -> list[float]:
    """Return the ages of all events published at a steady rate, once the process is warm."""
    try:
        await process.start()
        await _published(site, per_s, WARM_UP_S)
        return await _published(site, per_s, SECONDS)
    finally:
        await process.stop()


async def _published(site: Site, per_s: float, seconds: float) -> list[float]:
    ages: list[float] = []
    count = await site.queue.steadily(ACCOUNTS, per_s, seconds)

    async def all_arrived() -> bool:
        ages.extend((await site.receiver.ages()).get(PATH, []))
        return len(ages) >= count

    await until(all_arrived, f"{count} events to arrive")
    return ages


async def _half_speed(site: Site) -> float:
    """Return half of the service's speed with one webhook per event, to the fast sink."""
    await store(site.mongo_url, "half", one_each(ACCOUNTS, site.sink.urls()))
    backlog = Backlog(ACCOUNTS, site.effort.events)
    run = await drained(site, backlog, site.eager_service("half"))
    return math.ceil(run.speed.per_s / 2)
