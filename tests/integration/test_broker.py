"""Our queues on a real broker: declared once, and no message in them is lost or comes for ever."""

import asyncio

import aio_pika
import pytest
from aio_pika.abc import AbstractChannel

from service.adapters.rabbitmq.consuming import consumer as rabbitmq_consumer
from service.adapters.rabbitmq.consuming.inbox import Inbox
from service.adapters.rabbitmq.link import Link
from service.adapters.rabbitmq.topology.queues import declare
from service.dev.rabbit_server import RabbitServer
from service.domain.errors import TopologyConflict
from service.observability.metrics import Metrics
from tests.e2e.harness import call_event, depth, eventually, switch, take_messages
from tests.integration.background import running
from tests.integration.broker_parts import (
    NAMES,
    TIERS_MS,
    Taken,
    connected,
    consumer_of,
    is_so,
    new_bindings,
)


async def test_declaring_twice_changes_nothing(amqp_url: str) -> None:
    async with connected(amqp_url) as connection:
        await declare(connection, NAMES, TIERS_MS)
        await declare(connection, NAMES, TIERS_MS)


async def test_a_queue_with_other_arguments_is_a_conflict_that_names_it(amqp_url: str) -> None:
    async with connected(amqp_url) as connection:
        await declare(connection, NAMES, TIERS_MS)
        channel = await connection.channel()
        await channel.queue_delete(NAMES.tier(300))
        await channel.declare_queue(NAMES.tier(300), durable=True)
        with pytest.raises(TopologyConflict, match=r"switchhook\.retry\.300ms"):
            await declare(connection, NAMES, TIERS_MS)


async def test_our_exchange_of_another_type_is_a_conflict_that_names_it(amqp_url: str) -> None:
    async with connected(amqp_url) as connection:
        channel = await connection.channel()
        await channel.declare_exchange(NAMES.exchange, "fanout", durable=True)
        with pytest.raises(TopologyConflict, match="'switchhook'"):
            await declare(connection, NAMES, TIERS_MS)


async def test_what_was_not_acknowledged_comes_again_and_is_marked(
    amqp_url: str, metrics: Metrics, broker: RabbitServer
) -> None:
    taken = Taken(ack=False)
    bindings = new_bindings(metrics)
    consumer = consumer_of(taken, metrics, bindings=bindings)
    async with running(Link("consume", [amqp_url], consumer.session, metrics)):
        await eventually(lambda: is_so(consumer.consuming and bindings.bound))
        async with switch(amqp_url) as kazoo:
            await kazoo.publish(call_event("c-1"))
        await eventually(lambda: taken.count_is(1))
        await _cut(broker, amqp_url, "switchhook consume")
        await eventually(lambda: taken.count_is(2))
        first, second = taken.messages
        assert (first.redelivered, second.redelivered) == (False, True)
        assert first.body == second.body
        # The right to acknowledge went with the connection: no error, and nothing is acknowledged.
        first.ack()
        assert metrics.acks_lost._value.get() == 1
        second.ack()
        await consumer.tell()
    await eventually(lambda: _empty(amqp_url, NAMES.events))


async def test_a_message_says_how_often_it_was_handed_out_whatever_its_publisher_says(
    amqp_url: str, metrics: Metrics
) -> None:
    taken = Taken(ack=False)
    for count in range(1, 4):
        bindings = new_bindings(metrics)
        consumer = consumer_of(taken, metrics, bindings=bindings)
        async with running(Link("consume", [amqp_url], consumer.session, metrics)):
            await eventually(lambda one=consumer: is_so(one.consuming))  # type: ignore[misc]
            if count == 1:
                async with switch(amqp_url) as kazoo:
                    await kazoo.publish(call_event("c-1"), headers={"x-delivery-count": 19})
            await eventually(lambda count=count: taken.count_is(count))  # type: ignore[misc]
            if count == 3:
                taken.messages[-1].ack()
                await taken.messages[-1].tell()
    assert [message.deliveries for message in taken.messages] == [0, 1, 2]
    await eventually(lambda: _empty(amqp_url, NAMES.events))


async def test_what_comes_again_as_its_worker_lost_the_connection_is_not_counted(
    amqp_url: str, metrics: Metrics, broker: RabbitServer
) -> None:
    taken = Taken(ack=False)
    consumer = consumer_of(taken, metrics, bindings=new_bindings(metrics))
    async with running(Link("consume", [amqp_url], consumer.session, metrics)):
        await eventually(lambda: is_so(consumer.consuming))
        async with switch(amqp_url) as kazoo:
            await kazoo.publish(call_event("c-1"))
        for count in range(1, 4):
            await eventually(lambda count=count: taken.count_is(count))  # type: ignore[misc]
            if count < 3:
                await _cut(broker, amqp_url, "switchhook consume")
        assert [message.redelivered for message in taken.messages] == [False, True, True]
        assert [message.deliveries for message in taken.messages] == [0, 0, 0]
    another = consumer_of(taken, metrics, bindings=new_bindings(metrics))
    async with running(Link("consume", [amqp_url], another.session, metrics)):
        await eventually(lambda: taken.count_is(4))
        assert taken.messages[-1].deliveries == 3


async def test_what_is_settled_before_we_read_that_we_consume_is_acknowledged(
    amqp_url: str, metrics: Metrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Unread(Inbox):
        async def consume(self, queue: str) -> str:
            await super().consume(queue)
            return await asyncio.Future()

    monkeypatch.setattr(rabbitmq_consumer, "Inbox", Unread)
    taken = Taken()
    consumer = consumer_of(taken, metrics)
    async with connected(amqp_url) as connection:
        await declare(connection, NAMES, TIERS_MS)
        channel = await connection.channel()
        await channel.default_exchange.publish(aio_pika.Message(b"waiting"), NAMES.events)
    async with running(Link("consume", [amqp_url], consumer.session, metrics)):
        await eventually(lambda: taken.count_is(1))
        assert not consumer.consuming
        await consumer.tell()
    assert metrics.acks_lost._value.get() == 0
    await eventually(lambda: _empty(amqp_url, NAMES.events))


async def test_one_who_is_stopped_before_we_read_that_we_consume_takes_no_more(
    amqp_url: str, metrics: Metrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, may_read = asyncio.Event(), asyncio.Event()

    class ReadLate(Inbox):
        async def consume(self, queue: str) -> str:
            tag = await super().consume(queue)
            begun.set()
            await may_read.wait()
            return tag

    monkeypatch.setattr(rabbitmq_consumer, "Inbox", ReadLate)
    taken = Taken()
    consumer = consumer_of(taken, metrics)
    async with running(Link("consume", [amqp_url], consumer.session, metrics)):
        async with asyncio.timeout(15):
            await begun.wait()
        await consumer.stop()
        may_read.set()
        async with connected(amqp_url) as connection:
            channel = await connection.channel()
            await eventually(lambda: _nobody_consumes(channel, NAMES.events))
            await channel.default_exchange.publish(aio_pika.Message(b"waiting"), NAMES.events)
    assert taken.messages == []
    assert await depth(amqp_url, NAMES.events) == 1


async def test_messages_come_whole_however_long_they_are(amqp_url: str, metrics: Metrics) -> None:
    bodies = [b"", b"x", 512 * bytes(range(256)), 4000 * bytes(range(256)), b"the last"]
    taken = Taken()
    consumer = consumer_of(taken, metrics)
    async with running(Link("consume", [amqp_url], consumer.session, metrics)):
        await eventually(lambda: is_so(consumer.consuming))
        async with connected(amqp_url) as connection:
            channel = await connection.channel()
            for body in bodies:
                await channel.default_exchange.publish(aio_pika.Message(body), NAMES.events)
        await eventually(lambda: taken.count_is(len(bodies)))
    assert [message.body for message in taken.messages] == bodies


async def test_poison_that_kills_every_reader_ends_in_the_rejected_queue(amqp_url: str) -> None:
    async with connected(amqp_url) as connection:
        await declare(connection, NAMES, TIERS_MS)
        channel = await connection.channel()
        await channel.default_exchange.publish(aio_pika.Message(b"poison"), NAMES.events)
    for _ in range(21):
        async with connected(amqp_url) as connection:
            channel = await connection.channel()
            queue = await channel.get_queue(NAMES.events)
            await queue.get(timeout=5)  # and the connection is closed with the message unsettled
    (message,) = await take_messages(amqp_url, NAMES.rejected, 1)
    assert message.body == b"poison"


async def _empty(amqp_url: str, queue: str) -> bool:
    return await depth(amqp_url, queue) == 0


async def _nobody_consumes(channel: AbstractChannel, queue: str) -> bool:
    found = await channel.declare_queue(queue, passive=True)
    return found.declaration_result.consumer_count == 0


async def _cut(broker: RabbitServer, amqp_url: str, name: str) -> None:
    vhost = amqp_url.rpartition("/")[2]
    rows = await broker.control("list_connections", "pid", "vhost", "client_properties")
    for row in rows.splitlines():
        pid, where, properties = row.split("\t", 2)
        if where == vhost and name in properties:
            await broker.control("close_connection", pid, "test")
