"""One, two and four partitions of the event queue, each with one, two and four workers."""

from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any

from service.adapters.rabbitmq.topology.queues import Names
from service.bench.figures import spread
from service.bench.measurements.drain import ACCOUNTS, Backlog, drained
from service.bench.setting.load import events_queue
from service.bench.setting.seed import one_each, store
from service.bench.setting.site import Site

DATABASE = "partitions"
COUNTS = (1, 2, 4)


async def partitions(site: Site) -> dict[str, Any]:
    """Measure the drain with each number of partitions and workers, in turns.

    Each number of partitions has queues of its own, with an equal share of the events in each.
    """
    await store(site.mongo_url, DATABASE, one_each(ACCOUNTS, site.sink.urls()))
    backlog = Backlog(ACCOUNTS, site.effort.events)
    runs: dict[tuple[int, int], list[float]] = {(n, m): [] for n in COUNTS for m in COUNTS}
    async with AsyncExitStack() as stack:
        sites = {}
        for count in COUNTS:
            names = Names(f"of{count}")
            queue = await stack.enter_async_context(events_queue(site.amqp_url, names, count))
            sites[count] = replace(site, queue=queue)
        for pair in range(1, site.effort.pairs + 1):
            for count, workers in _order(pair):
                service = site.eager_workers(
                    DATABASE,
                    workers,
                    SWITCHHOOK_AMQP__PREFIX=f"of{count}",
                    SWITCHHOOK_AMQP__PARTITIONS=str(count),
                )
                run = await drained(sites[count], backlog, service)
                runs[count, workers].append(run.speed.per_s)
            told = ", ".join(f"{n} with {m}: {made[-1]:.0f}/s" for (n, m), made in runs.items())
            site.tell(f"round {pair} of {site.effort.pairs}: {told}")
    return {
        "partitions": {
            str(count): {str(workers): spread(runs[count, workers]) for workers in COUNTS}
            for count in COUNTS
        }
    }


def _order(pair: int) -> Iterator[tuple[int, int]]:
    """Yield the numbers of partitions and workers, every other time from the end."""
    every = [(count, workers) for count in COUNTS for workers in COUNTS]
    yield from every if pair % 2 else every[::-1]
