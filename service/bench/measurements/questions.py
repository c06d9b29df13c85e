"""Time of questions of a call, asked one after another: through us and of the server itself.

The server answers with a document of VoxML: in turns one that is the same each time, as a menu is,
and one that is new each time, as it is where the document names the caller.
"""

import time
from collections.abc import Mapping
from typing import Any

import aiohttp

from service.bench.figures import latency, p99_ms, spread
from service.bench.measurements.drain import ACCOUNTS
from service.bench.setting.receiver import CHANGING, FIXED
from service.bench.setting.seed import store, webhook
from service.bench.setting.site import Site
from service.dev.servers import HOST

DATABASE = "asked"
KEY = "k" * 32
WARM_UP = 200
QUESTIONS = 1000
"""Of each kind in each pair."""


async def questions(site: Site) -> dict[str, Any]:
    """Measure questions one by one, in turns: to the server itself, and through the service."""
    asked = {
        path: webhook(ACCOUNTS[0], site.receiver.urls(path)[0], hook="pivot") | {"ask_key": KEY}
        for path in (FIXED, CHANGING)
    }
    await store(site.mongo_url, DATABASE, asked.values())
    service = site.service(DATABASE)
    await service.start()
    try:
        async with aiohttp.ClientSession() as session:
            return {
                f"questions_{path[1:]}": await _in_turns(site, session, service.port, one)
                for path, one in asked.items()
            }
    finally:
        await service.stop()


async def _in_turns(
    site: Site, session: aiohttp.ClientSession, port: int, one: Mapping[str, Any]
) -> dict[str, Any]:
    itself = one["uri"]
    through = f"http://{HOST}:{port}/ask/{one['account_id']}/{one['_id']}-{KEY}"
    await _asked(session, through, WARM_UP)
    floors, services = [], []
    for pair in range(1, site.effort.pairs + 1):
        floors.append(await _asked(session, itself, QUESTIONS))
        services.append(await _asked(session, through, QUESTIONS))
        site.tell(
            f"pair {pair} of {site.effort.pairs}: p99 itself {p99_ms(floors[-1]):.1f} ms, "
            f"through us {p99_ms(services[-1]):.1f} ms"
        )
    added = [p99_ms(s) - p99_ms(f) for f, s in zip(floors, services, strict=True)]
    return {"floor": latency(floors), "service": latency(services), "p99_added_ms": spread(added)}


async def _asked(session: aiohttp.ClientSession, url: str, count: int) -> list[float]:
    """Return how long each of so many questions took, in seconds."""
    seconds = []
    for number in range(count):
        began = time.perf_counter()
        members = {"Call-ID": f"call-{number}", "From": "+15556783945", "To": "+15552345678"}
        async with session.post(url, data=members) as response:
            await response.read()
            response.raise_for_status()
        seconds.append(time.perf_counter() - began)
    return seconds
