"""The parts of the floor, and the service with events that no webhook subscribes to."""

from typing import Any

from service.bench.figures import speed
from service.bench.measurements.drain import Run, compared, summary, watched
from service.bench.sample import memory_mb, watch
from service.bench.setting.load import EventsQueue
from service.bench.setting.seed import account_ids, store
from service.bench.setting.sink import Counter
from service.bench.setting.site import Site
from service.dev.servers import Server

STRANGERS = account_ids(1000)


async def parts(site: Site) -> dict[str, Any]:
    """Measure consuming alone, posting alone, and events of accounts without webhooks."""
    await store(site.mongo_url, "nobody", [])
    consuming, posting, unsubscribed = [], [], []
    for pair in range(1, site.effort.pairs + 1):
        consuming.append(await _consumed(site, site.floor("consume")))
        posting.append(await _posted(site))
        unsubscribed.append(await _consumed(site, site.eager_service("nobody")))
        site.tell(
            f"pair {pair} of {site.effort.pairs}: consume {consuming[-1].speed.per_s:.0f}/s, "
            f"post {posting[-1].speed.per_s:.0f}/s, "
            f"nobody subscribed {unsubscribed[-1].speed.per_s:.0f}/s"
        )
    return {"post": {"floor": summary(posting)}, "unsubscribed": compared(consuming, unsubscribed)}


async def _consumed(site: Site, process: Server) -> Run:
    """Have a process consume a backlog that causes no requests."""
    events = 2 * site.effort.events
    await site.queue.fill(STRANGERS, events)
    return await watched(site, _gone(site.queue, events), events, [process], deliveries=0)


async def _posted(site: Site) -> Run:
    goal = 2 * site.effort.events
    async with site.sink.counting() as count, site.floor("post", site.sink.urls()) as process:
        samples = await watch(count, [process], goal)
        return Run(speed(samples, goal), memory_mb(process))


def _gone(queue: EventsQueue, events: int) -> Counter:
    async def count() -> int:
        return events - await queue.depth()

    return count
