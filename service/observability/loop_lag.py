"""Event loop lag: how much later than due a busy loop wakes a sleeping task."""

import asyncio

from prometheus_client import Histogram

EVERY_S = 0.25


async def measure_loop_lag(lag: Histogram) -> None:
    """Observe, until cancelled, by how much each short sleep was too long."""
    clock = asyncio.get_running_loop().time
    while True:
        asked = clock() + EVERY_S
        await asyncio.sleep(EVERY_S)
        lag.observe(max(0.0, clock() - asked))
