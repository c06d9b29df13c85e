"""A lock on the broker, which vanishes with the connection of the process that holds it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aio_pika.abc import AbstractConnection
from aiormq.exceptions import ChannelLockedResource


@asynccontextmanager
async def lock(connection: AbstractConnection, name: str) -> AsyncIterator[bool]:
    """Hold an exclusive queue of this name in the body; yields whether it was free.

    Exclusive to the connection: another task of the same one gets the lock, too. After an error in
    the body the lock stays until the connection is closed. Raises `link.BROKER_ERRORS`.
    """
    channel = await connection.channel()
    try:
        await channel.declare_queue(name, exclusive=True)
    except ChannelLockedResource:
        yield False
        return
    yield True
    await channel.queue_delete(name)
    await channel.close()
