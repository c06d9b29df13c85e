"""Objects of ours that vanish from a real broker stand again, and somebody is told."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aio_pika.abc import AbstractChannel
from aiormq.exceptions import ChannelNotFoundEntity
from structlog.testing import capture_logs

from service.adapters.rabbitmq.consuming.consumer import Consumer
from service.adapters.rabbitmq.link import Link
from service.adapters.rabbitmq.publishing.publisher import Publisher
from service.adapters.rabbitmq.topology import upkeep as rabbitmq_upkeep
from service.adapters.rabbitmq.topology.upkeep import Upkeep
from service.domain.errors import BrokerUnavailable
from service.observability.metrics import Metrics
from tests.builders import make_delivery
from tests.e2e.harness import depth, eventually
from tests.integration.background import running
from tests.integration.broker_parts import NAMES, TIERS_MS, Taken, connected, consumer_of, is_so

TIER = NAMES.tier(800)


@pytest.fixture
def taken() -> Taken:
    return Taken()


@asynccontextmanager
async def working(
    amqp_url: str, metrics: Metrics, taken: Taken, repeat_s: float = 30.0
) -> AsyncIterator[tuple[Publisher, Consumer, AbstractChannel]]:
    """Yield a publisher, and a consumer of deliveries, as the service wires them, and a person."""
    publisher = Publisher(NAMES, 5, metrics)
    consumer = consumer_of(taken, metrics, NAMES.deliveries)
    consumer.upkeep = Upkeep(NAMES, TIERS_MS, metrics, repeat_s)
    publisher.on_returned = consumer.upkeep.look_now
    async with (
        running(Link("consume", [amqp_url], consumer.session, metrics)),
        running(Link("publish", [amqp_url], publisher.session, metrics)),
        connected(amqp_url) as connection,
    ):
        await eventually(lambda: is_so(consumer.consuming))
        yield publisher, consumer, await connection.channel()


async def a_retry_comes_back(publisher: Publisher, taken: Taken) -> None:
    await eventually(lambda: _published(publisher), 5, "a publish that is confirmed")
    await eventually(lambda: taken.count_is(1), what="the retry")


async def _published(publisher: Publisher) -> bool:
    try:
        await publisher.retry([make_delivery()], 800)
    except BrokerUnavailable:
        return False
    return True


def restored(metrics: Metrics) -> float | None:
    return metrics.registry.get_sample_value("switchhook_topology_restored_total")


def broken(metrics: Metrics) -> float | None:
    return metrics.registry.get_sample_value("switchhook_topology_broken")


async def test_a_tier_that_was_deleted_stands_again_as_soon_as_a_publish_is_returned(
    amqp_url: str, metrics: Metrics, taken: Taken
) -> None:
    with capture_logs() as lines:
        async with working(amqp_url, metrics, taken) as (publisher, consumer, person):
            await person.queue_delete(TIER)
            await a_retry_comes_back(publisher, taken)
            assert consumer.upkeep.problem is None
    told = [line for line in lines if line["event"] == "topology.restored"]
    assert [(line["log_level"], line["objects"]) for line in told] == [("error", [TIER])]
    assert restored(metrics) == 1


async def test_our_exchange_that_was_deleted_stands_again_with_its_bindings(
    amqp_url: str, metrics: Metrics, taken: Taken
) -> None:
    async with working(amqp_url, metrics, taken) as (publisher, _, person):
        await person.exchange_delete(NAMES.exchange)
        await a_retry_comes_back(publisher, taken)
    assert restored(metrics) == 1


async def test_a_binding_that_was_removed_stands_again(
    amqp_url: str, metrics: Metrics, taken: Taken
) -> None:
    async with working(amqp_url, metrics, taken) as (publisher, _, person):
        queue = await person.get_queue(TIER, ensure=False)
        await queue.unbind(NAMES.exchange, TIER)
        await a_retry_comes_back(publisher, taken)


async def test_a_queue_that_nothing_is_published_to_stands_again_after_a_while(
    amqp_url: str, metrics: Metrics, taken: Taken
) -> None:
    async with working(amqp_url, metrics, taken, repeat_s=0.2) as (_, _, person):
        await person.queue_delete(NAMES.rejected)
        await eventually(lambda: is_so(restored(metrics) == 1), 5, "the queue")
        assert await depth(amqp_url, NAMES.rejected) == 0


async def test_a_queue_that_is_there_with_other_arguments_is_told_and_ends_nothing(
    amqp_url: str, metrics: Metrics, taken: Taken
) -> None:
    with capture_logs() as lines:
        async with working(amqp_url, metrics, taken) as (publisher, consumer, person):
            await person.queue_delete(TIER)
            await person.declare_queue(TIER, durable=True)
            assert not await _published(publisher)
            await eventually(lambda: is_so(consumer.upkeep.problem), what="the problem")
            assert consumer.consuming
            assert TIER in (consumer.upkeep.problem or "")
            assert broken(metrics) == 1
            await person.queue_delete(TIER)
            await a_retry_comes_back(publisher, taken)
            assert consumer.upkeep.problem is None
            assert broken(metrics) == 0
    told = [line for line in lines if line["event"] == "topology.broken"]
    assert [(line["log_level"], TIER in line["error"]) for line in told] == [("error", True)]


async def test_what_is_declared_for_the_first_time_did_not_vanish(
    amqp_url: str, metrics: Metrics, taken: Taken
) -> None:
    with capture_logs() as lines:
        async with working(amqp_url, metrics, taken):
            pass
    assert restored(metrics) == 0
    assert [line for line in lines if line["event"] == "topology.restored"] == []


async def test_a_queue_that_the_broker_cannot_declare_just_now_ends_nothing(
    amqp_url: str, metrics: Metrics, taken: Taken, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def without_leader(*_: object) -> None:
        raise ChannelNotFoundEntity(f"NOT_FOUND - queue '{TIER}' process is stopped")

    async with working(amqp_url, metrics, taken, repeat_s=0.1) as (publisher, consumer, _):
        with monkeypatch.context() as patch:
            patch.setattr(rabbitmq_upkeep, "declare", without_leader)
            await eventually(lambda: is_so(consumer.upkeep.problem), what="the problem")
            assert consumer.consuming
        await eventually(lambda: is_so(consumer.upkeep.problem is None), what="the end of it")
        await a_retry_comes_back(publisher, taken)
