"""A queue that is being consumed: its window, its acknowledgements, and whose turn it is."""

import asyncio
import time
from collections.abc import Callable

from service.adapters.rabbitmq.consuming.acks import Acks
from service.adapters.rabbitmq.consuming.turn import Turn
from service.adapters.rabbitmq.consuming.window import ConsumerWindow

FULL_WITHIN_S = 0.5
"""Longest time for which acknowledgements are held back: a kill in it repeats what was settled."""
LOOK_EVERY_S = 0.005


class OpenQueue:
    """One consumed queue on one channel."""

    def __init__(
        self, queue: str, window: ConsumerWindow, acks: Acks, turn: Turn | None = None
    ) -> None:
        self.queue = queue
        self.window = window
        self._acks = acks
        self._turn = turn

    @property
    def mine(self) -> bool:
        """Whether no other worker takes from the queue, since it is this one's turn."""
        return self._turn is not None and self._turn.mine

    @property
    def unsettled(self) -> int:
        """The number of messages that the broker was not told to forget yet."""
        return self._acks.unsettled

    async def keep(self, size: Callable[[], int]) -> None:
        """Acknowledge settled messages and keep the window, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._acks.keep_telling())
            tasks.create_task(self.window.keep(size))
            if self._turn is not None:
                tasks.create_task(self._turn.keep())

    async def tell(self) -> None:
        """Acknowledge all messages settled so far."""
        await self._acks.tell()

    async def hand_over(self) -> None:
        """Hand the queue to the worker that waits for longest; it begins once this has settled."""
        if self._turn is not None:
            await self._until_full()
            try:
                await self.window.rejoin(self._turn.end)
            finally:
                self._acks.release()

    async def stop(self) -> None:
        """Stop consuming. Raises `link.BROKER_ERRORS` if the broker fails."""
        if self._turn is None:
            await self.window.stop()
            return
        await self._until_full()
        try:
            await self.window.stop()
            await self._turn.stop()
        finally:
            self._acks.release()

    async def _until_full(self) -> None:
        """Return when the broker delivers nothing, as the window is full, or after a limit.

        Messages on their way to a consumer that is cancelled return to the queue, behind those that
        the next consumer gets (https://github.com/rabbitmq/rabbitmq-server/issues/3729). If the
        window does not fill in time, there is no backlog, and they are few: `Turn` sorts them.
        """
        self._acks.hold_back()
        deadline = time.monotonic() + FULL_WITHIN_S
        while self.unsettled < self.window.capacity:
            if time.monotonic() > deadline:
                return
            await asyncio.sleep(LOOK_EVERY_S)

    def close(self) -> None:
        """Note that the channel is closed."""
        self._acks.close()
