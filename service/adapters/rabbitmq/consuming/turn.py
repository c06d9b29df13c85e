"""Turn: which worker takes the events of a partition, when it passes from one to another.

The broker turns to the next consumer as soon as the last one is cancelled, while messages of the
last are still in progress. So each worker locks the partition before it takes the first event, and
unlocks it once it has settled what it took. What arrives before is held, in order.
"""

import asyncio
import time
from collections.abc import Callable

import structlog
from aio_pika.abc import AbstractConnection

from service.adapters.rabbitmq.consuming.acks import Acks
from service.adapters.rabbitmq.consuming.received import ReceivedMessage
from service.adapters.rabbitmq.lock import lock
from service.cancellation import honour_cancellation

SETTLED_WITHIN_S = 2.0
"""Longest time for which the next worker waits for what this one has in progress."""
LOOK_EVERY_S = 0.005
SHORTEST_PAUSE_S, LONGEST_PAUSE_S = 0.01, 0.1
RETURNED_WITHIN_S = 0.1
"""By then the broker has redelivered what did not reach the last worker, or what that held when it
died."""

log = structlog.get_logger(__name__)


class Turn:
    """One worker's turns with one partition."""

    def __init__(
        self,
        connection: AbstractConnection,
        queue: str,
        acks: Acks,
        accept: Callable[[ReceivedMessage], None],
    ) -> None:
        self._connection = connection
        self._name = f"{queue}.turn"
        self._acks = acks
        self._accept = accept
        self._held: list[ReceivedMessage] = []
        self._arrived, self._ended = asyncio.Event(), asyncio.Event()
        self._last = 0
        self._stopped = False
        self.mine = False
        """Whether this worker takes the partition's events."""

    def accept(self, message: ReceivedMessage) -> None:
        """Take a message, or hold it until it is this worker's turn."""
        if self.mine:
            self._accept(message)
        else:
            self._held.append(message)
            self._arrived.set()

    def end(self) -> None:
        """End the turn once everything that arrived until now is settled, or after a limit.

        Called when the broker delivers nothing more, and before it is asked to deliver again.
        """
        if self.mine:
            self.mine = False
            self._last = self._acks.newest
            self._ended.set()

    async def stop(self) -> None:
        """End the turn for good, and give back what was held."""
        self._stopped = True
        self.end()
        held, self._held = self._held, []
        for message in held:
            await message.give_back()

    async def keep(self) -> None:
        """Take and end turns, until stopped. Raises `link.BROKER_ERRORS`."""
        while not self._stopped:
            await self._arrived.wait()
            await self._take_turn()
            honour_cancellation()

    async def _take_turn(self) -> None:
        """Wait until the last worker's turn has ended, and take what arrives until this one has."""
        pause_s = 0.0
        while not self._stopped:
            async with lock(self._connection, self._name) as free:
                if free:
                    await asyncio.sleep(RETURNED_WITHIN_S if pause_s else 0)
                    if not self._stopped:
                        await self._take()
                    return
            pause_s = min(2 * pause_s or SHORTEST_PAUSE_S, LONGEST_PAUSE_S)
            await asyncio.sleep(pause_s)
            honour_cancellation()

    async def _take(self) -> None:
        self._arrived.clear()
        self._ended.clear()
        self.mine = True
        # Redelivered messages are older than all others.
        held, self._held = sorted(self._held, key=lambda one: not one.redelivered), []
        for message in held:
            try:
                self._accept(message)
            except Exception:
                # As in `Inbox`: the broker redelivers it after this connection.
                log.exception("message.bug", routing_key=message.routing_key)
        await self._ended.wait()
        deadline = time.monotonic() + SETTLED_WITHIN_S
        while not self._acks.settled_until(self._last):
            if time.monotonic() > deadline:
                break
            await asyncio.sleep(LOOK_EVERY_S)
        await self._acks.tell()
