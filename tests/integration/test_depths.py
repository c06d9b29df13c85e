"""A consumer that the broker forgets without a word is missed, and so is what waits for it."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from prometheus_client import CollectorRegistry

from service.adapters.rabbitmq.consuming.consumer import Consumer
from service.adapters.rabbitmq.consuming.subscription import Subscription
from service.adapters.rabbitmq.link import Link
from service.adapters.rabbitmq.topology.bindings import Bindings
from service.adapters.rabbitmq.topology.queues import Names
from service.dev.rabbit_server import RabbitServer
from service.dialects.kazoo.events import calls
from service.observability.metrics import Metrics
from tests.e2e.harness import (
    ANOTHER,
    another_consumer,
    call_event,
    eventually,
    forget_consumers,
    switch,
)
from tests.integration.broker_parts import TIERS_MS, Taken

NAMES = Names("switchhook")


class Watched:
    """A consumer of the event queue that looks at it ten times a second, and what it was told."""

    def __init__(self, amqp_url: str) -> None:
        self.taken, self.waiting = Taken(), 0
        metrics = Metrics(CollectorRegistry(), [("kazoo", "channel_create")])
        binding = calls.binding("CHANNEL_CREATE")
        bindings = Bindings(NAMES.events, (binding,), metrics, may_declare=True)
        subscription = Subscription(NAMES.events, 10, lambda: 10, self.taken.accept, self.note)
        self.consumer = Consumer(NAMES, TIERS_MS, [subscription], bindings, metrics, 0.1)
        self.link = Link("consume", [amqp_url], self.consumer.session, metrics)

    def note(self, messages: int) -> None:
        self.waiting = messages

    async def consuming(self) -> bool:
        return self.consumer.consuming

    async def sees(self, messages: int) -> bool:
        return self.waiting == messages


@pytest.fixture
async def watched(amqp_url: str) -> AsyncIterator[Watched]:
    made = Watched(amqp_url)
    task = asyncio.create_task(made.link.run())
    await eventually(made.consuming, what="consuming")
    yield made
    task.cancel()
    await asyncio.wait([task])


async def test_a_queue_that_nobody_consumes_any_more_is_consumed_again(
    watched: Watched, broker: RabbitServer, amqp_url: str
) -> None:
    await forget_consumers(broker, amqp_url, NAMES.events)
    async with switch(amqp_url) as kazoo:
        await kazoo.publish(call_event("c-1"))
    await eventually(lambda: watched.taken.count_is(1), what="the event")


async def test_what_waits_behind_another_consumer_is_seen(
    watched: Watched, broker: RabbitServer, amqp_url: str
) -> None:
    async with another_consumer(amqp_url, NAMES.events):
        await forget_consumers(broker, amqp_url, NAMES.events, kept=ANOTHER)
        async with switch(amqp_url) as kazoo:
            for number in range(3):
                await kazoo.publish(call_event(f"c-{number}"))
        await eventually(lambda: watched.sees(2), what="the two that nobody takes")
        assert watched.taken.messages == []
    await eventually(lambda: watched.taken.count_is(3), what="the events")
    await eventually(lambda: watched.sees(0), what="the empty queue")
