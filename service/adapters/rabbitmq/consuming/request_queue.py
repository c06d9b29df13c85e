"""Consuming a queue of requests: questions of calls, and requests of a switch's own services.

Such a queue may belong to another service, and be of a kind that the broker does not have while one
of its nodes is down. So each is consumed by itself: events go on where it cannot be.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from aio_pika.abc import AbstractConnection
from aiormq.exceptions import AMQPChannelError, ChannelInvalidStateError

from service.adapters.rabbitmq.consuming.depths import LOOK_EVERY_S, keep_looking
from service.adapters.rabbitmq.consuming.open_queue import OpenQueue
from service.adapters.rabbitmq.consuming.subscription import Subscription
from service.adapters.rabbitmq.link import BROKER_ERRORS, first_of
from service.adapters.rabbitmq.topology.queues import declare_apart
from service.adapters.rabbitmq.topology.upkeep import Upkeep
from service.cancellation import honour_cancellation

AGAIN_AFTER_S = 1.0

LOST = (AMQPChannelError, ChannelInvalidStateError, ConnectionError)

Prepare = Callable[[AbstractConnection, Subscription, asyncio.Event], Awaitable[OpenQueue]]


class RequestQueue:
    """Consumes one queue over one connection; tells `upkeep` while it cannot."""

    def __init__(
        self,
        connection: AbstractConnection,
        subscription: Subscription,
        upkeep: Upkeep,
        prepare: Prepare,
        look_every_s: float = LOOK_EVERY_S,
    ) -> None:
        self._connection = connection
        self._subscription = subscription
        self._upkeep = upkeep
        self._prepare = prepare
        self._look_every_s = look_every_s
        self._opened: OpenQueue | None = None
        self._stopped = False
        self.tried = asyncio.Event()
        """Set when the queue is consumed, or cannot be."""

    async def keep(self) -> None:
        """Consume until stopped or cancelled, again after each loss.

        Raises NotPermitted, and `link.BROKER_ERRORS` where the connection is lost.
        """
        queue = self._subscription.queue
        while not self._stopped:
            try:
                # In a separate task, as in `Link`.
                await asyncio.create_task(self._consume(), name=f"consume {queue}")
            except* LOST as group:
                self._upkeep.note_unavailable(queue, str(first_of(group)))
            self.tried.set()
            honour_cancellation()
            await asyncio.sleep(AGAIN_AFTER_S)

    async def stop(self) -> None:
        """Stop consuming. Raises `link.BROKER_ERRORS` if the broker fails."""
        self._stopped = True
        if self._opened is not None:
            await self._opened.stop()

    async def tell(self) -> None:
        """Acknowledge all messages settled so far."""
        if self._opened is not None:
            await self._opened.tell()

    async def _consume(self) -> None:
        """Consume until the channel or the consumer is lost."""
        connection, one, lost = self._connection, self._subscription, asyncio.Event()
        await declare_apart(connection, one.queue, one.arguments or {})
        opened = self._opened = await self._prepare(connection, one, lost)
        try:
            await opened.window.open()
            self._upkeep.note_unavailable(one.queue, None)
            self.tried.set()
            if self._stopped:
                await opened.stop()  # `stop` ran meanwhile
            async with asyncio.TaskGroup() as tasks:
                running = (
                    tasks.create_task(opened.keep(one.window_size)),
                    tasks.create_task(self._look()),
                )
                await lost.wait()
                for task in running:
                    task.cancel()
        finally:
            self._opened = None
            opened.close()
            with suppress(*BROKER_ERRORS):
                await opened.window.close()

    async def _look(self) -> None:
        notes = {self._subscription.queue: self._subscription.note_waiting}
        await keep_looking(self._connection, notes, lambda: not self._stopped, self._look_every_s)
