"""Bus of the live streams: carries messages between workers, over a connection of its own.

Every worker has an exclusive queue, bound to a direct exchange by its own name and by `ALL`. Both
vanish with the connection, hold no message longer than `KEPT_MS`, and are not durable: a message
that is lost was not worth a delivery's time. Nothing here is confirmed.
"""

import asyncio
import secrets
from collections import deque
from collections.abc import Callable

from aio_pika import ExchangeType
from aio_pika.abc import AbstractChannel, AbstractConnection
from aiormq.abc import AbstractChannel as WireChannel
from aiormq.abc import DeliveredMessage
from pamqp.commands import Basic

from service.adapters.rabbitmq.link import BROKER_ERRORS
from service.adapters.rabbitmq.topology.queues import Names
from service.cancellation import honour_cancellation

ALL = "all"
"""Routing key that reaches every worker."""
MOST_BYTES = 8_388_608
"""Bytes that wait in a worker for the broker, and in a queue for its worker."""
KEPT_MS = 10_000
TRANSIENT = Basic.Properties(content_type="application/json", delivery_mode=1)


class LiveBus:
    """Session of the connection for live streams; see `pipeline.live.hub.LiveBus`."""

    def __init__(self, names: Names) -> None:
        self._names = names
        self._waiting: deque[tuple[str, bytes]] = deque()
        self._bytes = 0
        self._up = False
        self._wake = asyncio.Event()
        self.queue = ""
        self.on_message: Callable[[bytes], None] = lambda _: None
        self.on_connected: Callable[[], None] = lambda: None

    def send(self, queue: str, body: bytes) -> None:
        """Send to the worker with this queue; dropped without a connection, or with no room."""
        if self._up and self._bytes + len(body) <= MOST_BYTES:
            self._waiting.append((queue, body))
            self._bytes += len(body)
            self._wake.set()

    def send_all(self, body: bytes) -> None:
        """Send to every worker."""
        self.send(ALL, body)

    async def session(self, connection: AbstractConnection) -> None:
        """Carry messages over this connection until it or a channel is lost."""
        lost = asyncio.Event()
        connection.close_callbacks.add(lambda *_: lost.set())
        channel = await connection.channel(publisher_confirms=False)
        channel.close_callbacks.add(lambda *_: lost.set())
        try:
            wire = await self._consume(channel)
            # The broker cancels a consumer whose queue was deleted; there is no other sign of it.
            wire.on_consumer_cancel_callbacks.add(lambda *_: lost.set())
            self._up = True
            self.on_connected()
            honour_cancellation()
            async with asyncio.TaskGroup() as tasks:
                writing = tasks.create_task(self._write(wire, lost), name="write live messages")
                await lost.wait()
                writing.cancel()
        finally:
            self._up = False
            self._waiting.clear()
            self._bytes = 0

    async def _consume(self, channel: AbstractChannel) -> WireChannel:
        # A new name for each connection: the broker may still count the last one as open.
        self.queue = f"{self._names.live}.{secrets.token_hex(8)}"
        exchange = await channel.declare_exchange(
            self._names.live, ExchangeType.DIRECT, durable=False, auto_delete=True
        )
        queue = await channel.declare_queue(
            self.queue,
            exclusive=True,
            auto_delete=True,
            arguments={"x-max-length-bytes": MOST_BYTES, "x-message-ttl": KEPT_MS},
        )
        for key in (self.queue, ALL):
            await queue.bind(exchange, key)
        wire = await channel.get_underlay_channel()
        await wire.basic_consume(self.queue, self._take, no_ack=True)
        return wire

    async def _take(self, message: DeliveredMessage) -> None:
        self.on_message(message.body)

    async def _write(self, wire: WireChannel, lost: asyncio.Event) -> None:
        """Write what waits until cancelled, or until the connection fails."""
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                while self._waiting:
                    key, body = self._waiting[0]
                    await wire.basic_publish(
                        body, exchange=self._names.live, routing_key=key, properties=TRANSIENT
                    )
                    self._waiting.popleft()
                    self._bytes -= len(body)
        except BROKER_ERRORS:
            lost.set()
