"""A clock that all but stands still while this process itself is busy.

Under full load everything takes long, and no endpoint is to blame: how long one has not answered is
told by a clock that goes on only as far as the event loop comes round.
"""

import asyncio

TICK_S = 0.02
MOST_PER_TICK_S = 1.5 * TICK_S


class Pace:
    """Seconds since it began to run; goes in ticks."""

    def __init__(self) -> None:
        self._now = 0.0

    def now(self) -> float:
        """Return the time; costs no call of the system."""
        return self._now

    async def run(self) -> None:
        """Go on until cancelled."""
        loop = asyncio.get_running_loop()
        before = loop.time()
        while True:
            await asyncio.sleep(TICK_S)
            now = loop.time()
            self._now += min(now - before, MOST_PER_TICK_S)
            before = now
