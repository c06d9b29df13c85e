"""Publishing on a real broker: done is what was confirmed, and everything else says so in time."""

import asyncio

import pytest

from service.adapters.rabbitmq_link import Link
from service.adapters.rabbitmq_publisher import Publisher
from service.adapters.rabbitmq_topology import declare
from service.dev.servers import RabbitServer
from service.domain.errors import BrokerUnavailable
from service.observability.metrics import Metrics
from service.pipeline.envelope import unseal
from tests.builders import make_delivery
from tests.e2e.harness import eventually
from tests.integration.background import running
from tests.integration.broker_parts import (
    NAMES,
    TIERS_MS,
    Taken,
    connected,
    consumer_of,
    is_so,
)


async def test_a_retry_comes_back_after_its_delay_unchanged(
    amqp_url: str, metrics: Metrics
) -> None:
    publisher = Publisher(NAMES, 5, metrics)
    delivery = make_delivery()
    taken = Taken()
    consumer = consumer_of(taken, metrics, NAMES.deliveries)
    async with (
        running(Link("consume", [amqp_url], consumer.session, metrics)),
        running(Link("publish", [amqp_url], publisher.session, metrics)),
    ):
        await eventually(lambda: is_so(consumer.consuming))
        started = asyncio.get_running_loop().time()
        await publisher.retry([delivery], 800)
        await eventually(lambda: taken.count_is(1))
        assert asyncio.get_running_loop().time() - started >= 0.8
    assert unseal(taken.messages[0].body) == [delivery]


async def test_publishing_to_a_queue_that_is_gone_is_not_taken_for_done(
    amqp_url: str, metrics: Metrics
) -> None:
    publisher = Publisher(NAMES, 5, metrics)
    async with connected(amqp_url) as connection:
        await declare(connection, NAMES, TIERS_MS)
        channel = await connection.channel()
        await channel.queue_delete(NAMES.tier(800))
    async with running(Link("publish", [amqp_url], publisher.session, metrics)):
        with pytest.raises(BrokerUnavailable, match=r"switchhook\.retry\.800ms does not exist"):
            await publisher.retry([make_delivery()], 800)
        await publisher.retry([make_delivery()], 300)


async def test_publishing_to_a_queue_that_is_full_is_not_taken_for_done(
    amqp_url: str, metrics: Metrics, broker: RabbitServer
) -> None:
    publisher = Publisher(NAMES, 5, metrics)
    async with connected(amqp_url) as connection:
        await declare(connection, NAMES, TIERS_MS)
    vhost, tier = amqp_url.rpartition("/")[2], NAMES.tier(800)
    full = ("full", f"^{tier}$", '{"max-length": 0}')
    await broker.control("set_policy", "-p", vhost, "--apply-to", "queues", *full)
    async with running(Link("publish", [amqp_url], publisher.session, metrics)):
        # The limit is heeded from a publish or two after it was reached.
        await eventually(lambda: _refused(publisher), 10, "a publish refused")


async def _refused(publisher: Publisher) -> bool:
    try:
        await publisher.retry([make_delivery()], 800)
    except BrokerUnavailable:
        return True
    return False


async def test_publishing_without_a_connection_fails_in_time(metrics: Metrics) -> None:
    with pytest.raises(BrokerUnavailable):
        await Publisher(NAMES, 0.2, metrics).retry([make_delivery()], 300)


async def test_concurrent_publishes_are_each_confirmed(amqp_url: str, metrics: Metrics) -> None:
    publisher = Publisher(NAMES, 10, metrics)
    async with connected(amqp_url) as connection:
        await declare(connection, NAMES, TIERS_MS)
        channel = await connection.channel()
        await channel.queue_delete(NAMES.deliveries)  # so that they stay in the tier
    async with running(Link("publish", [amqp_url], publisher.session, metrics)):
        await asyncio.gather(*(publisher.retry([make_delivery()], 800) for _ in range(200)))
