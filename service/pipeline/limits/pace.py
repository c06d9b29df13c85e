"""Clock that slows down while this process is overloaded.

Under full load every request takes long, through no fault of its endpoint. The silence of an
endpoint is therefore measured by a clock that advances only with the passes of the event loop.
"""

import asyncio

TICK_S = 0.02
MOST_PER_TICK_S = 1.5 * TICK_S


class Pace:
    """Clock in seconds since its start; advances in ticks, by `MOST_PER_TICK_S` at most."""

    def __init__(self) -> None:
        self._now = 0.0

    def now(self) -> float:
        """Return the time, without a system call."""
        return self._now

    async def run(self) -> None:
        """Advance until cancelled."""
        loop = asyncio.get_running_loop()
        before = loop.time()
        while True:
            await asyncio.sleep(TICK_S)
            now = loop.time()
            self._now += min(now - before, MOST_PER_TICK_S)
            before = now
