"""Scale of an installation: webhooks in the store, processes, the backlog."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from service.bench.figures import ratios, rounded, spread
from service.bench.measurements.drain import ACCOUNTS, Backlog, drained, summary
from service.bench.sample import memory_mb, watch
from service.bench.setting.seed import account_ids, drop, one_each, store, webhook
from service.bench.setting.site import Site

SIZES = {"hundred": 100, "ten_thousand": 10_000, "million": 1_000_000}
PER_ACCOUNT = 10
BUSY = 1000
EVENTS = 30_000
"""Enough to outweigh the start, which reads a thousand accounts from the store."""
OTHER_HOOKS = ("channel_answer", "channel_bridge", "channel_destroy", "parking", "sms", "mms")
CACHED = 50_000
BACKLOG_FACTOR = 20


async def webhooks(site: Site) -> dict[str, Any]:
    """Measure the drain with few and with many webhooks, and the memory of a cached one."""
    for name, count in SIZES.items():
        site.tell(f"writing {count:,} webhooks")
        await store(site.mongo_url, name, _webhooks(count, site.sink.urls()))
    runs: dict[str, list[Any]] = {name: [] for name in SIZES}
    for pair in range(1, site.effort.pairs + 1):
        # The order alternates, so that no size always follows the same other one.
        for name in list(SIZES)[:: 1 if pair % 2 else -1]:
            accounts = account_ids(min(BUSY, SIZES[name] // PER_ACCOUNT))
            # The first event of each account makes the service read the store; timing starts later.
            backlog = Backlog(accounts, max(site.effort.events, EVENTS))
            runs[name].append(await drained(site, backlog, site.eager_service(name)))
        speeds = ", ".join(f"{runs[name][-1].speed.per_s:.0f}/s" for name in SIZES)
        site.tell(f"round {pair} of {site.effort.pairs}: 100, 10,000 and 1,000,000: {speeds}")
    few, many = ([run.speed.per_s for run in runs[name]] for name in ("hundred", "million"))
    cached = await _cached(site)
    for name in SIZES:
        await drop(site.mongo_url, name)
    result = {name: summary(made) for name, made in runs.items()}
    return {"webhooks": result | {"ratio": spread(ratios(many, few)), "bytes_each": cached}}


def _webhooks(count: int, urls: Sequence[str]) -> Iterator[Mapping[str, Any]]:
    """Yield ten webhooks for each account, one of them for the events that are published."""
    endpoints, others = itertools.cycle(urls), itertools.cycle(OTHER_HOOKS)
    for account_id in account_ids(count // PER_ACCOUNT):
        yield webhook(account_id, next(endpoints))
        for _ in range(PER_ACCOUNT - 1):
            yield webhook(account_id, next(endpoints), next(others))


async def _cached(site: Site) -> float:
    """Return the bytes of memory for each cached webhook, including its share of the account."""
    busy = account_ids(CACHED // PER_ACCOUNT)
    many = await _memory_after(site, busy)
    few = await _memory_after(site, busy[:PER_ACCOUNT])
    return rounded((many - few) * 1024**2 / CACHED)


async def _memory_after(site: Site, accounts: Sequence[str]) -> float:
    """Return the memory, in MiB, of a service that has handled an event of each account."""
    events = CACHED // PER_ACCOUNT
    await site.queue.fill(accounts, events)
    async with site.sink.counting() as count, site.eager_service("million") as service:
        await watch(count, [service], events)
        return memory_mb(service, "VmRSS")


async def processes(site: Site) -> dict[str, Any]:
    """Measure one process and two on the same backlog, in turns."""
    await store(site.mongo_url, "processes", one_each(ACCOUNTS, site.sink.urls()))
    backlog = Backlog(ACCOUNTS, site.effort.events)
    one, two = [], []
    for pair in range(1, site.effort.pairs + 1):
        one.append(await drained(site, backlog, site.eager_service("processes")))
        both = [site.eager_service("processes"), site.eager_service("processes")]
        two.append(await drained(site, backlog, *both))
        site.tell(
            f"pair {pair} of {site.effort.pairs}: one process {one[-1].speed.per_s:.0f}/s, "
            f"two {two[-1].speed.per_s:.0f}/s"
        )
    ratio = ratios([run.speed.per_s for run in two], [run.speed.per_s for run in one])
    return {"processes": {"one": summary(one), "two": summary(two), "ratio": spread(ratio)}}


async def backlog(site: Site) -> dict[str, Any]:
    """Measure the memory of a worker early and late in a long backlog.

    Early means after its bounded memory of the last 20,000 deliveries is full.
    """
    events = BACKLOG_FACTOR * site.effort.events
    await store(site.mongo_url, "backlog", one_each(ACCOUNTS, site.sink.urls()))
    site.tell(f"publishing {events:,} events")
    await site.queue.fill(ACCOUNTS, events)
    async with site.sink.counting() as count, site.eager_service("backlog") as service:
        await watch(count, [service], events // 5)
        early = memory_mb(service, "VmRSS")
        await watch(count, [service], events)
        late, peak = memory_mb(service, "VmRSS"), memory_mb(service)
    return {
        "backlog": {
            "events": events,
            "early_mb": rounded(early),
            "late_mb": rounded(late),
            "peak_mb": rounded(peak),
        }
    }
