"""Turns for what would hold up the event loop: so much of it in each of its rounds, and no more.

A message for a thousand webhooks takes tens of milliseconds to begin. A hundred such messages at
once would make everybody's events wait for seconds. What follows from a failed attempt takes half a
millisecond, and two thousand requests that hang time out at once.
"""

import asyncio
from collections import deque
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


class Rounds:
    """Lets a few small pieces of work go in each round of the event loop, in the order they came.

    The first ones of a round wait for nothing.
    """

    def __init__(self, per_round: int) -> None:
        self._per_round = self._left = per_round
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._next: asyncio.Handle | None = None

    async def turn(self) -> None:
        """Wait until the caller may go on."""
        loop = asyncio.get_running_loop()
        if self._next is None:
            self._next = loop.call_soon(self._begin_round)
        if self._left and not self._waiting:
            self._left -= 1
            return
        turn = loop.create_future()
        self._waiting.append(turn)
        await turn

    def _begin_round(self) -> None:
        self._left = self._per_round
        while self._waiting and self._left:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                self._left -= 1
        busy = self._left < self._per_round
        self._next = asyncio.get_running_loop().call_soon(self._begin_round) if busy else None
