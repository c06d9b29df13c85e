"""Deferred deliveries, gathered: those of one event travel in one message.

A thousand hanging endpoints of one account would otherwise cost a thousand confirmed messages for
each of its events, at the expense of the broker and of all other accounts.
"""

import asyncio

from service.domain.delivery import Delivery
from service.pipeline.recovery.availability import Availability
from service.ports import Queues

MOST_TOGETHER = 100
GATHER_S = 0.02
"""How long a message waits for more: nothing compared with the shortest delay."""

Key = tuple[int, str, bytes]
"""Delay, event and payload."""


class Deferrals:
    """Gathers the deliveries deferred within `GATHER_S`, by delay and event.

    Those with a payload of their own, because members are masked, are not mixed with others.
    """

    def __init__(self, queues: Queues, availability: Availability) -> None:
        self._queues = queues
        self._availability = availability
        self._open: dict[Key, list[Delivery]] = {}
        self._publishing: dict[Key, asyncio.Task[None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def put_off(self, later: Delivery, delay_ms: int) -> asyncio.Task[None]:
        """Defer the delivery by the delay; the task ends once the broker has confirmed it."""
        key = delay_ms, later.event_id, later.payload
        together = self._open.get(key)
        if together is None or len(together) >= MOST_TOGETHER:
            together = self._open[key] = []
            task = asyncio.create_task(self._publish(key, together), name="deferral")
            self._publishing[key] = task
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        together.append(later)
        return self._publishing[key]

    async def _publish(self, key: Key, together: list[Delivery]) -> None:
        """Publish the deliveries gathered meanwhile."""
        await asyncio.sleep(GATHER_S)
        if self._open.get(key) is together:
            del self._open[key], self._publishing[key]
        delay_ms = key[0]
        await self._availability.until_confirmed(lambda: self._queues.retry(together, delay_ms))
