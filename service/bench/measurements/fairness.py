"""Isolation: of ten endpoints, a dead and a slow one must not delay the other eight."""

from typing import Any

from service.bench.figures import latency, p99_ms, p99_ratio
from service.bench.measurements.drain import ACCOUNTS
from service.bench.sample import until
from service.bench.setting.seed import one_each, store
from service.bench.setting.site import Site

PER_S = 100.0
WARM_UP_S = 8.0
"""Long enough for the dead endpoint to fill its limit of requests in flight."""
SECONDS = 20.0
HEALTHY, OTHER = "/healthy", "/other"

# Disabling would remove the dead endpoint from the measurement; the stop does not wait for it.
SETTINGS = {
    "SWITCHHOOK_DISABLE__FAILURE_COUNT": "50",
    "SWITCHHOOK_DISABLE__WINDOW_S": "0.001",
    "SWITCHHOOK_SHUTDOWN__GRACE_S": "0",
}


async def fairness(site: Site) -> dict[str, Any]:
    """Measure the latency of eight endpoints in turns: the other two healthy, or dead and slow."""
    await store(site.mongo_url, "fair", one_each(ACCOUNTS, _urls(site, OTHER, OTHER)))
    await store(site.mongo_url, "unfair", one_each(ACCOUNTS, _urls(site, "/hang", "/slow")))
    without, beside = [], []
    for pair in range(1, site.effort.pairs + 1):
        without.append(await _aged(site, "fair"))
        beside.append(await _aged(site, "unfair"))
        site.tell(
            f"pair {pair} of {site.effort.pairs}: p99 of the healthy {p99_ms(without[-1]):.1f} ms, "
            f"beside a dead and a slow one {p99_ms(beside[-1]):.1f} ms"
        )
    return {
        "fairness": {
            "per_s": PER_S,
            "without": latency(without),
            "beside": latency(beside),
            "p99_ratio": p99_ratio(beside, without),
        }
    }


def _urls(site: Site, ninth: str, tenth: str) -> list[str]:
    """Return ten endpoints, eight of them healthy."""
    return [
        *site.receiver.urls(HEALTHY)[:8],
        site.receiver.urls(ninth)[8],
        site.receiver.urls(tenth)[9],
    ]


async def _aged(site: Site, database: str) -> list[float]:
    """Return the ages of the events that the eight healthy endpoints received."""
    try:
        async with site.service(database, **SETTINGS):
            await _published(site, WARM_UP_S)
            return await _published(site, SECONDS)
    finally:
        await site.queue.empty()


async def _published(site: Site, seconds: float) -> list[float]:
    ages: list[float] = []
    count = await site.queue.steadily(ACCOUNTS, PER_S, seconds)

    async def all_arrived() -> bool:
        ages.extend((await site.receiver.ages()).get(HEALTHY, []))
        return len(ages) >= count * 8 // 10

    await until(all_arrived, "all events of healthy endpoints to arrive")
    return ages
