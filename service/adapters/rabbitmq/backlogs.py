"""The number of messages in each of our queues, for the operator's overview."""

import asyncio
import time
from collections.abc import Mapping, Sequence

from aio_pika.abc import AbstractConnection
from aiormq.exceptions import ChannelNotFoundEntity

from service.adapters.rabbitmq.link import BROKER_ERRORS, close, connect, unavailable

REMEMBER_S = 5.0
WITHIN_S = 5.0


class Backlogs:
    """Asks by a connection of its own, so that a refusal harms neither consuming nor publishing."""

    def __init__(self, url: str, queues: Sequence[str]) -> None:
        self._url = url
        self._queues = queues
        self._counts: Mapping[str, int] = {}
        self._asked_at = -REMEMBER_S
        self._asking = asyncio.Lock()

    async def all(self) -> Mapping[str, int]:
        """Return the messages ready in each queue that exists, at most `REMEMBER_S` old.

        Raises BrokerUnavailable.
        """
        async with self._asking:
            if time.monotonic() - self._asked_at >= REMEMBER_S:
                try:
                    async with asyncio.timeout(WITHIN_S):
                        self._counts = await self._ask()
                except BROKER_ERRORS as error:
                    raise unavailable(error) from error
                self._asked_at = time.monotonic()
            return self._counts

    async def _ask(self) -> Mapping[str, int]:
        connection = await connect(self._url, "console")
        try:
            counts = {name: await _count(connection, name) for name in self._queues}
        finally:
            await close(connection)
        return {name: count for name, count in counts.items() if count is not None}


async def _count(connection: AbstractConnection, name: str) -> int | None:
    channel = await connection.channel()
    try:
        queue = await channel.declare_queue(name, passive=True)
    except ChannelNotFoundEntity:
        return None
    await channel.close()
    return queue.declaration_result.message_count or 0
