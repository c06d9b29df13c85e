"""Turns for what would hold up the event loop: one piece of work in each of its rounds.

A message for a thousand webhooks takes tens of milliseconds to begin. A hundred such messages at
once would make everybody's events wait for seconds.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Turns:
    """Lets large pieces of work go one after the other, in the order they came."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()

    @asynccontextmanager
    async def one(self) -> AsyncIterator[None]:
        """Wait for a turn; what stands in the block is all that happens in it."""
        async with self._lock:
            yield
            await asyncio.sleep(0)
