"""A queue that is being consumed: its window, and the acknowledgements of its channel."""

import asyncio
import time
from collections.abc import Callable

from service.adapters.rabbitmq.consuming.acks import Acks
from service.adapters.rabbitmq.consuming.window import ConsumerWindow

QUIET_LOOKS, QUIET_WITHIN_S = 3, 5.0
FULL_WITHIN_S = 0.5
"""Longest time for which acknowledgements are held back: a kill in it repeats what was settled."""
LOOK_EVERY_S = 0.005


class OpenQueue:
    """One consumed queue on one channel."""

    def __init__(self, queue: str, window: ConsumerWindow, acks: Acks) -> None:
        self.queue = queue
        self.window = window
        self._acks = acks
        self._taken_before = acks.taken

    @property
    def active(self) -> bool:
        """Whether the broker delivered from the queue since `hand_over`, or since the start.

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

    async def hand_over(self) -> None:
        """Hand the queue to the consumer that waits for longest, in the order of its messages.

        That consumer gets what comes next, and overtakes what is unsettled or on its way here. So
        this waits, for a limited time, for a moment in which there is nothing such. A queue under
        full load has none: there acknowledgements are held back until the window is full.
        """
        if not await self._until_quiet():
            self._acks.hold_back()
            await self._until_full_and_settled()
        try:
            await self.window.rejoin()
        finally:
            self._acks.release()
        self._taken_before = self._acks.taken

    async def _until_quiet(self) -> bool:
        """Return whether, in time, everything was settled and nothing came for a few looks."""
        deadline = time.monotonic() + QUIET_WITHIN_S
        taken, looks = self._acks.taken, 0
        while looks < QUIET_LOOKS:
            if time.monotonic() > deadline:
                return False
            # Each look comes after the event loop has read what had arrived.
            await asyncio.sleep(LOOK_EVERY_S)
            looks = looks + 1 if self._acks.taken == taken and not self.unsettled else 0
            taken = self._acks.taken
        return True

    async def _until_full_and_settled(self) -> None:
        deadline = time.monotonic() + FULL_WITHIN_S
        while self._acks.outstanding or self.unsettled < self.window.capacity:
            if time.monotonic() > deadline:
                return
            await asyncio.sleep(LOOK_EVERY_S)

    def close(self) -> None:
        """Note that the channel is closed."""
        self._acks.close()
