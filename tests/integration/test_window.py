"""A queue's window on a real broker: as many messages come as it is large just now."""

import asyncio

import aio_pika

from service.adapters.rabbitmq.consuming.consumer import Consumer
from service.adapters.rabbitmq.consuming.subscription import Subscription
from service.adapters.rabbitmq.consuming.window import SHRINK_AFTER_S
from service.adapters.rabbitmq.link import Link
from service.adapters.rabbitmq.topology.queues import declare
from service.observability.metrics import Metrics
from tests.e2e.harness import depth, eventually
from tests.integration.background import running
from tests.integration.broker_parts import (
    NAMES,
    TIERS_MS,
    Taken,
    connected,
    new_bindings,
)

STEP = 10


async def test_as_many_messages_come_as_the_window_is_large(
    amqp_url: str, metrics: Metrics
) -> None:
    taken, size = Taken(ack=False), STEP
    await publish(amqp_url, 60)
    subscription = Subscription(NAMES.events, STEP, lambda: size, taken.accept, lambda _: None)
    consumer = Consumer(NAMES, TIERS_MS, [subscription], new_bindings(metrics), metrics)
    async with running(Link("consume", [amqp_url], consumer.session, metrics)):
        await eventually(lambda: taken.count_is(STEP))
        await asyncio.sleep(0.3)
        assert len(taken.messages) == STEP

        size = 35
        await eventually(lambda: taken.count_is(40))
        await asyncio.sleep(0.3)
        assert len(taken.messages) == 40

        # Those that were cancelled count until what they brought is settled, and bring no more.
        size = STEP
        await asyncio.sleep(SHRINK_AFTER_S + 0.5)
        for message in taken.messages[:40]:
            message.ack()
        await eventually(lambda: consumers_are(amqp_url, 1))
        await eventually(lambda: taken.count_is(50))
        await asyncio.sleep(0.3)
        assert len(taken.messages) == 50

        for message in taken.messages[40:]:
            message.ack()
        await eventually(lambda: taken.count_is(60))
        for message in taken.messages[50:]:
            message.ack()
        await consumer.tell()
    assert metrics.acks_lost._value.get() == 0
    assert await depth(amqp_url, NAMES.events) == 0


async def test_a_large_window_that_is_stopped_leaves_no_consumer_and_settles_what_it_has(
    amqp_url: str, metrics: Metrics
) -> None:
    taken = Taken(ack=False)
    await publish(amqp_url, 60)
    subscription = Subscription(NAMES.events, STEP, lambda: 30, taken.accept, lambda _: None)
    consumer = Consumer(NAMES, TIERS_MS, [subscription], new_bindings(metrics), metrics)
    async with running(Link("consume", [amqp_url], consumer.session, metrics)):
        await eventually(lambda: taken.count_is(30))
        await consumer.stop()
        for message in taken.messages:
            message.ack()
        await eventually(lambda: consumers_are(amqp_url, 0))
    assert metrics.acks_lost._value.get() == 0
    assert len(taken.messages) == 30
    assert await depth(amqp_url, NAMES.events) == 30


async def publish(amqp_url: str, count: int) -> None:
    """Have messages wait in the queue before anybody consumes it."""
    async with connected(amqp_url) as connection:
        await declare(connection, NAMES, TIERS_MS)
        channel = await connection.channel()
        for number in range(count):
            message = aio_pika.Message(b"%d" % number)
            await channel.default_exchange.publish(message, NAMES.events)


async def consumers_are(amqp_url: str, count: int) -> bool:
    async with connected(amqp_url) as connection:
        channel = await connection.channel()
        found = await channel.declare_queue(NAMES.events, passive=True)
        return found.declaration_result.consumer_count == count
