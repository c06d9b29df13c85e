"""What the tests of the broker's adapters share: connections, and somebody who takes messages."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aio_pika
from aio_pika.abc import AbstractConnection
from prometheus_client import CollectorRegistry

from service.adapters.rabbitmq.consuming.consumer import Consumer
from service.adapters.rabbitmq.consuming.subscription import Subscription
from service.adapters.rabbitmq.topology.bindings import Bindings
from service.adapters.rabbitmq.topology.queues import Names
from service.dialects.kazoo.events import calls
from service.observability.metrics import Metrics
from service.ports import Incoming

NAMES = Names("switchhook")
TIERS_MS = (300, 800)


def new_metrics() -> Metrics:
    return Metrics(CollectorRegistry(), [("kazoo", "channel_create")])


def new_bindings(metrics: Metrics) -> Bindings:
    """Return bindings to what tells of calls that start."""
    return Bindings(NAMES.events, (calls.binding("CHANNEL_CREATE"),), metrics, may_declare=True)


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[AbstractConnection]:
    connection = await aio_pika.connect(url)
    async with connection:
        yield connection


class Taken:
    """Takes messages in, and acknowledges them or not."""

    def __init__(self, *, ack: bool = True) -> None:
        self.messages: list[Incoming] = []
        self._ack = ack

    def accept(self, incoming: Incoming) -> None:
        self.messages.append(incoming)
        if self._ack:
            incoming.ack()

    async def count_is(self, count: int) -> bool:
        return len(self.messages) >= count


def consumer_of(
    taken: Taken,
    metrics: Metrics,
    queue: str = NAMES.events,
    bindings: Bindings | None = None,
) -> Consumer:
    subscriptions = [Subscription(queue, 10, lambda: 10, taken.accept, lambda _: None)]
    return Consumer(NAMES, TIERS_MS, subscriptions, bindings or new_bindings(metrics), metrics)


async def is_so(value: object) -> object:
    """Ask `eventually` for something that is known at once."""
    return value
