"""Agreement of all workers on the number of partitions, kept on the broker.

The mark is a queue without messages, whose maximum length is the number of partitions: the broker
refuses to declare it with another number. Every worker consumes from it, so its consumers are the
workers with this number. The lock is an exclusive queue: it vanishes with its connection.

Without partitions there is neither, and workers are the consumers of the event queue.
"""

from contextlib import AbstractAsyncContextManager
from enum import Enum, auto
from typing import Any

from aio_pika.abc import AbstractConnection, AbstractIncomingMessage
from aiormq.exceptions import ChannelNotFoundEntity, ChannelPreconditionFailed

from service.adapters.rabbitmq.lock import lock
from service.adapters.rabbitmq.topology.partitions import BY_KEY, Partitions
from service.adapters.rabbitmq.topology.queues import QUORUM


class State(Enum):
    """What a worker finds on the broker."""

    AGREED = auto()
    """Events are routed to the queues of this number, and no others are left."""
    OTHERS_RUN = auto()
    """Workers with another number are running, or a worker is about to change the number."""
    TO_CHANGE = auto()
    """Events may be routed to queues of another number, which no worker consumes."""


class Agreement:
    """Reads and changes the mark for one number of partitions."""

    def __init__(self, connection: AbstractConnection, partitions: Partitions) -> None:
        self._connection = connection
        self._partitions = partitions
        self._mark = partitions.names.partitions

    def lock(self) -> AbstractAsyncContextManager[bool]:
        """Hold the lock in the body; yields whether it was free."""
        return lock(self._connection, f"{self._mark}.lock")

    async def not_partitioned(self) -> bool:
        """Return whether there are no partitions, and no change to or from them is under way."""
        channel = await self._connection.channel()
        try:
            await channel.get_exchange(self._partitions.entry(BY_KEY), ensure=True)
        except ChannelNotFoundEntity:
            return True
        finally:
            await channel.close()
        return False

    async def state(self) -> State:
        """Return what this worker must do. The lock is held."""
        workers = await self.workers()
        if workers is None:
            if self._partitions.count == 1 and await self.not_partitioned():
                return State.AGREED  # another worker has changed it meanwhile
            # Workers without partitions consume the event queue, and set no mark.
            consumers = await consumers_of(self._connection, self._partitions.names.events)
            alone = self._partitions.count == 1 or not consumers
            return State.TO_CHANGE if alone else State.OTHERS_RUN
        if self._partitions.count > 1 and await self._set():
            return State.AGREED
        return State.OTHERS_RUN if workers else State.TO_CHANGE

    async def workers(self) -> int | None:
        """Return the number of workers that consume from the mark; None if there is no mark."""
        return await consumers_of(self._connection, self._mark)

    async def begin(self) -> None:
        """Delete the mark: until `finish`, no number is agreed on. The lock is held."""
        channel = await self._connection.channel()
        await channel.queue_delete(self._mark)
        await channel.close()

    async def finish(self) -> None:
        """Set the mark. The lock is held."""
        if self._partitions.count > 1:
            await self._set()

    async def join(self) -> None:
        """Count among the workers until the connection is closed."""
        if self._partitions.count > 1:
            channel = await self._connection.channel(publisher_confirms=False)
            mark = await channel.get_queue(self._mark, ensure=False)
            await mark.consume(_drop)

    async def _set(self) -> bool:
        """Set the mark; return whether the broker has it with this number now."""
        channel = await self._connection.channel()
        try:
            arguments: dict[str, Any] = QUORUM | {"x-max-length": self._partitions.count}
            await channel.declare_queue(self._mark, durable=True, arguments=arguments)
        except ChannelPreconditionFailed:
            return False
        finally:
            await channel.close()
        return True


async def _drop(message: AbstractIncomingMessage) -> None:
    """Acknowledge a message that a stranger put into the mark."""
    await message.ack()


async def consumers_of(connection: AbstractConnection, queue: str) -> int | None:
    """Return the number of consumers of a queue; None if it does not exist."""
    channel = await connection.channel()
    try:
        found = await channel.declare_queue(queue, passive=True)
    except ChannelNotFoundEntity:
        return None
    finally:
        await channel.close()
    return found.declaration_result.consumer_count or 0
