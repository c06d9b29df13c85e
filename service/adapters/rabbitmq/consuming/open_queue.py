"""A queue that is being consumed: its window, and the acknowledgements of its channel."""

import asyncio
from collections.abc import Callable

from service.adapters.rabbitmq.consuming.acks import Acks
from service.adapters.rabbitmq.consuming.window import ConsumerWindow


class OpenQueue:
    """One consumed queue on one channel."""

    def __init__(self, queue: str, window: ConsumerWindow, acks: Acks) -> None:
        self.queue = queue
        self.window = window
        self._acks = acks
        self._taken_before = acks.taken

    @property
    def active(self) -> bool:
        """Whether the broker delivered from the queue since `rejoin`, or since the start.

        Of a queue with a single active consumer the broker delivers to that one alone.
        """
        return self._acks.taken > self._taken_before

    @property
    def unsettled(self) -> int:
        """The number of messages that the broker was not told to forget yet."""
        return self._acks.unsettled

    async def keep(self, size: Callable[[], int]) -> None:
        """Acknowledge settled messages and keep the window, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._acks.keep_telling())
            tasks.create_task(self.window.keep(size))

    async def tell(self) -> None:
        """Acknowledge all messages settled so far."""
        await self._acks.tell()

    async def rejoin(self) -> None:
        """Hand the queue to the consumer that waits for longest."""
        await self.window.rejoin()
        self._taken_before = self._acks.taken

    def close(self) -> None:
        """Note that the channel is closed."""
        self._acks.close()
