"""Prefetch window of a queue, which grows while messages are parked.

Each consumer of a quorum queue has its own prefetch, which is fixed when it starts. So the window
grows by further consumers on the same channel, and shrinks by cancelling them; messages of a
cancelled consumer can still be acknowledged.
"""

import asyncio
import math
import time
from collections.abc import Callable

from aiormq.abc import AbstractChannel as WireChannel

from service.adapters.rabbitmq.consuming.inbox import Inbox
from service.cancellation import honour_cancellation

RESIZE_EVERY_S = 0.05
SHRINK_AFTER_S = 1.0


class ConsumerWindow:
    """Consumers of one queue on one channel, each with a prefetch of `step` messages."""

    def __init__(
        self,
        channel: WireChannel,
        inbox: Inbox,
        queue: str,
        step: int,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._now = now
        self._channel = channel
        self._inbox = inbox
        self._queue = queue
        self._step = step
        self._tags: list[str] = []
        self._changing = asyncio.Lock()
        self._stopped = False

    @property
    def capacity(self) -> int:
        """The number of unacknowledged messages that the broker delivers at most."""
        return self._step * len(self._tags)

    async def open(self) -> None:
        """Start the first consumer."""
        await self._channel.basic_qos(prefetch_count=self._step)
        self._tags.append(await self._inbox.consume(self._queue))

    async def keep(self, size: Callable[[], int]) -> None:
        """Keep as many consumers as `size` messages need, until cancelled."""
        enough_since = self._now()
        while True:
            await asyncio.sleep(RESIZE_EVERY_S)
            wanted = math.ceil(size() / self._step)
            now = self._now()
            if wanted >= len(self._tags):
                enough_since = now
            async with self._changing:
                while wanted > len(self._tags) and not self._stopped:
                    self._tags.append(await self._inbox.consume(self._queue))
                if now - enough_since > SHRINK_AFTER_S and len(self._tags) > 1:
                    await self._cancel_last()
            honour_cancellation()

    async def rejoin(self, between: Callable[[], None]) -> None:
        """Let other consumers of the queue go first: cancel all, and start one again.

        `between` is called when everything arrived that was delivered to the cancelled ones.
        """
        async with self._changing:
            while self._tags:
                await self._cancel_last()
            between()
            if not self._stopped:
                self._tags.append(await self._inbox.consume(self._queue))

    async def stop(self) -> None:
        """Cancel all consumers. Raises `link.BROKER_ERRORS` if the broker fails."""
        self._stopped = True
        async with self._changing:
            while self._tags:
                await self._cancel_last()

    async def close(self) -> None:
        """Close the channel: the broker redelivers what was not acknowledged."""
        await self._channel.close()

    async def _cancel_last(self) -> None:
        await self._channel.basic_cancel(self._tags.pop(), timeout=2)
