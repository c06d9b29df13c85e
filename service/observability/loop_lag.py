"""How busy the event loop is: who asks to be called again is called later than asked."""

import asyncio

from prometheus_client import Histogram

EVERY_S = 0.25


async def measure_loop_lag(lag: Histogram) -> None:
    """Observe by how much each of many short pauses was too long, until cancelled."""
    clock = asyncio.get_running_loop().time
    while True:
        asked = clock() + EVERY_S
        await asyncio.sleep(EVERY_S)
        lag.observe(max(0.0, clock() - asked))
