"""One open stream: a bounded backlog between what happens and a client that reads."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from service.domain.immutable import immutable
from service.domain.policy import StreamPolicy
from service.pipeline.live.allowance import Allowance
from service.text.json_text import write_json

ITEM_BYTES = 200
"""Memory of an item beside its text."""


@immutable
class Item:
    """What a client is sent: the name of a Server-Sent Event, and its data as JSON."""

    name: str
    data: bytes


Take = Callable[[Mapping[str, Any]], Item | None]
"""Turns a message of a worker into an item; None where the stream does not want it."""


class Stream:
    """Holds items until the client has read them; full, it drops new ones and counts them."""

    def __init__(
        self,
        account_id: str,
        keys: frozenset[str],
        take: Take,
        start: Item,
        policy: StreamPolicy,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.account_id = account_id
        self.keys = keys
        self.take = take
        self.dropped_total = 0
        self.ended: str | None = None
        """Why it ended; None while it is open."""
        self._most_bytes = policy.buffer_bytes
        self._allowance = Allowance(policy.rate_per_s, now)
        self._bytes = 0
        self._items: deque[Item] = deque()
        self._dropped = 0
        self._wake = asyncio.Event()
        self.offer(start)

    def admit(self) -> bool:
        """Return whether it has room and time for one more item, and count that one."""
        return self._bytes < self._most_bytes and self._allowance.take()

    def offer(self, item: Item) -> None:
        """Add an item; dropped where there is no room, but an empty stream takes any size."""
        if self.ended is not None:
            return
        if self._items and self._bytes + _size(item) > self._most_bytes:
            self.lose(1)
            return
        self._tell_dropped()
        self._add(item)
        self._wake.set()

    def lose(self, count: int) -> None:
        """Count items that were lost here, or on their way; the client is told at this place."""
        self._dropped += count
        self.dropped_total += count
        self._wake.set()

    def end(self, reason: str) -> None:
        """End the stream: `next` returns what is left, then nothing."""
        self.ended = self.ended or reason
        self._wake.set()

    async def next(self, within_s: float) -> Sequence[Item]:
        """Return the items that wait, or none after `within_s` and after the end."""
        try:
            async with asyncio.timeout(within_s):
                await self._wake.wait()
        except TimeoutError:
            return ()
        self._tell_dropped()
        items = tuple(self._items)
        self._items.clear()
        self._bytes = 0
        if self.ended is None:
            self._wake.clear()
        return items

    def _tell_dropped(self) -> None:
        if self._dropped:
            self._add(Item("dropped", write_json({"count": self._dropped})))
            self._dropped = 0

    def _add(self, item: Item) -> None:
        self._items.append(item)
        self._bytes += _size(item)


def _size(item: Item) -> int:
    return len(item.data) + ITEM_BYTES
