"""Turns for work that would block the event loop: a bounded amount in each pass of the loop.

A message for a thousand webhooks takes tens of milliseconds to begin; a hundred such messages at
once would delay all events by seconds. The follow-up of a failed attempt takes half a millisecond,
and two thousand hanging requests may time out at the same time.

Workers share their cores. One that begins large messages without a rest is never idle, so that the
small messages of all others wait for a core at every step.
"""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

LONGEST_REST_S = 0.05
LONGEST_ROUND_REST_S = 0.1


class Turns:
    """Runs large pieces of work one after the other, in the order of arrival.

    After each it rests for as long as the piece took, but lets other work go on.
    """

    def __init__(self) -> None:
        self._lock = asyncio.Lock()

    @asynccontextmanager
    async def one(self) -> AsyncIterator[None]:
        """Wait for a turn; the event loop makes a pass, and a rest follows, before the next one."""
        async with self._lock:
            began = time.perf_counter()
            yield
            await asyncio.sleep(0)
            await asyncio.sleep(min(time.perf_counter() - began, LONGEST_REST_S))


class Rounds:
    """Runs `per_round` small pieces of work in each pass of the loop, in the order of arrival.

    The first ones of a pass do not wait. After a pass in which others wait, the rest is so many
    times as long as the pass was, `LONGEST_ROUND_REST_S` at most.
    """

    def __init__(self, per_round: int, rest: float = 0.0) -> None:
        self._per_round = self._left = per_round
        self._rest = rest
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._next: asyncio.Handle | None = None

    async def turn(self) -> None:
        """Wait until the caller may go on."""
        loop = asyncio.get_running_loop()
        if self._next is None:
            self._next = loop.call_soon(self._end_round, loop.time())
        if self._left and not self._waiting:
            self._left -= 1
            return
        turn = loop.create_future()
        self._waiting.append(turn)
        await turn

    def _end_round(self, began: float) -> None:
        loop = asyncio.get_running_loop()
        if not self._waiting or not self._rest:
            self._begin_round()
            return
        rest_s = min(self._rest * (loop.time() - began), LONGEST_ROUND_REST_S)
        self._next = loop.call_later(rest_s, self._begin_round)

    def _begin_round(self) -> None:
        loop = asyncio.get_running_loop()
        self._left = self._per_round
        while self._waiting and self._left:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                self._left -= 1
        busy = self._left < self._per_round
        self._next = loop.call_soon(self._end_round, loop.time()) if busy else None
