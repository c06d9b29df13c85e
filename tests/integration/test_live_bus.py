"""The bus of live streams on a real broker: who gets what, also after a lost connection."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aio_pika
import pytest

from service.adapters.rabbitmq.link import Link, connect
from service.adapters.rabbitmq.live import MOST_BYTES, LiveBus
from service.adapters.rabbitmq.topology.queues import Names
from tests.e2e.harness import eventually
from tests.fakes import make_metrics


class Worker:
    """A bus with its connection, and what reached it."""

    def __init__(self, amqp_url: str) -> None:
        self.received: list[bytes] = []
        self.connections: list[aio_pika.abc.AbstractConnection] = []
        self.connected = 0
        self.bus = LiveBus(Names("switchhook"))
        self.bus.on_message, self.bus.on_connected = self.received.append, self._count
        self.link = Link("live", [amqp_url], self._session, make_metrics())

    async def _session(self, connection: aio_pika.abc.AbstractConnection) -> None:
        self.connections.append(connection)
        await self.bus.session(connection)

    def _count(self) -> None:
        self.connected += 1

    async def until_connected(self, times: int) -> None:
        async def so() -> bool:
            return self.connected >= times

        await eventually(so)

    async def until_received(self, *bodies: bytes) -> None:
        async def so() -> bool:
            return self.received == [*bodies]

        await eventually(so, what=f"{bodies}, not {self.received}")


@asynccontextmanager
async def workers(amqp_url: str, count: int) -> AsyncIterator[list[Worker]]:
    made = [Worker(amqp_url) for _ in range(count)]
    running = [asyncio.create_task(one.link.run()) for one in made]
    try:
        for one in made:
            await one.until_connected(1)
        yield made
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def test_a_message_reaches_one_worker_or_all(amqp_url: str) -> None:
    async with workers(amqp_url, 3) as (first, second, third):
        first.bus.send(second.bus.queue, b"one")
        first.bus.send_all(b"all")
        await second.until_received(b"one", b"all")
        for one in (first, third):
            await one.until_received(b"all")


async def test_a_message_to_a_worker_that_is_gone_is_dropped(amqp_url: str) -> None:
    async with workers(amqp_url, 1) as (only,):
        only.bus.send("switchhook.live.gone", b"lost")
        only.bus.send(only.bus.queue, b"kept")
        await only.until_received(b"kept")


async def test_the_bus_goes_on_over_a_new_connection_with_a_new_queue(amqp_url: str) -> None:
    async with workers(amqp_url, 2) as (first, second):
        before = second.bus.queue
        await second.connections[0].close()
        await second.until_connected(2)
        assert second.bus.queue != before
        first.bus.send(second.bus.queue, b"again")
        await second.until_received(b"again")


async def test_a_deleted_queue_is_declared_again(amqp_url: str) -> None:
    async with workers(amqp_url, 2) as (first, second):
        # Only its own connection may delete an exclusive queue.
        channel = await second.connections[0].channel()
        await channel.queue_delete(second.bus.queue)
        await second.until_connected(2)
        first.bus.send_all(b"again")
        await second.until_received(b"again")


async def test_no_more_waits_for_the_broker_than_there_is_room_for(amqp_url: str) -> None:
    unconnected = LiveBus(Names("switchhook"))
    unconnected.send_all(b"x")
    assert not unconnected._waiting
    async with workers(amqp_url, 1) as (only,):
        body = b"x" * (MOST_BYTES // 4)
        for _ in range(10):
            only.bus.send("switchhook.live.gone", body)
        assert len(only.bus._waiting) == 4
        only.bus.send_all(b"later")

        async def empty() -> bool:
            return not only.bus._waiting and only.bus._bytes == 0

        await eventually(empty)


async def test_nothing_is_left_on_the_broker(amqp_url: str) -> None:
    async with workers(amqp_url, 1) as (only,):
        queue = only.bus.queue
    connection = await connect(amqp_url, "look")
    channel = await connection.channel()
    with pytest.raises(aio_pika.exceptions.ChannelNotFoundEntity):
        await channel.declare_queue(queue, passive=True)
    channel = await connection.channel()
    with pytest.raises(aio_pika.exceptions.ChannelNotFoundEntity):
        await channel.get_exchange("switchhook.live", ensure=True)
    await connection.close()
