"""Publishing on a real broker: done is what was confirmed, and everything else says so in time."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from service.adapters.rabbitmq.link import Link
from service.adapters.rabbitmq.publishing.confirms import MOST_BYTES_IN_FLIGHT, Confirms
from service.adapters.rabbitmq.publishing.publisher import Publisher
from service.adapters.rabbitmq.topology.queues import declare
from service.dev.rabbit_server import RabbitServer
from service.domain.errors import BrokerUnavailable
from service.observability.metrics import Metrics
from service.pipeline.envelope import unseal, unseal_letters
from tests.builders import make_delivery, make_letter
from tests.chaos.proxy import FAIR, Proxy, Weather
from tests.e2e.harness import eventually, take_messages
from tests.integration.background import running
from tests.integration.broker_parts import (
    NAMES,
    TIERS_MS,
    Taken,
    connected,
    consumer_of,
    is_so,
)


@pytest.fixture(params=["fast", "documented"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Each way to publish, which must behave alike."""
    if request.param == "documented":

        async def is_usable(_: Confirms, _within_s: float) -> bool:
            return False

        monkeypatch.setattr(Confirms, "is_usable", is_usable)
    return str(request.param)


@pytest.mark.usefixtures("way")
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


@pytest.mark.usefixtures("way")
async def test_several_of_one_event_travel_as_one_message_and_say_how_many(
    amqp_url: str, metrics: Metrics
) -> None:
    publisher = Publisher(NAMES, 5, metrics)
    deliveries = [make_delivery(delivery_id=f"d{number}") for number in range(100)]
    letters = [make_letter(delivery=delivery) for delivery in deliveries]
    async with running(Link("publish", [amqp_url], publisher.session, metrics)):
        async with connected(amqp_url) as connection:
            await declare(connection, NAMES, TIERS_MS)
        await publisher.retry(deliveries, 300)
        await publisher.dead_letter(letters)
    [retried] = await take_messages(amqp_url, NAMES.deliveries, 1)
    [dead_lettered] = await take_messages(amqp_url, NAMES.dead, 1)
    assert unseal(retried.body) == deliveries
    assert unseal_letters(dead_lettered.body) == letters
    for message in (retried, dead_lettered):
        assert message.headers["x-switchhook-delivery"] == "d0"
        assert message.headers["x-switchhook-deliveries"] == 100


@pytest.mark.usefixtures("way")
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


@pytest.mark.usefixtures("way")
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


@pytest.mark.usefixtures("way")
async def test_concurrent_publishes_are_each_confirmed(amqp_url: str, metrics: Metrics) -> None:
    publisher = Publisher(NAMES, 10, metrics)
    async with connected(amqp_url) as connection:
        await declare(connection, NAMES, TIERS_MS)
        channel = await connection.channel()
        await channel.queue_delete(NAMES.deliveries)  # so that they stay in the tier
    async with running(Link("publish", [amqp_url], publisher.session, metrics)):
        await asyncio.gather(*(publisher.retry([make_delivery()], 800) for _ in range(200)))


async def test_the_way_in_use_is_told(way: str, amqp_url: str, metrics: Metrics) -> None:
    publisher = Publisher(NAMES, 5, metrics)
    async with connected(amqp_url) as connection:
        await declare(connection, NAMES, TIERS_MS)
    async with running(Link("publish", [amqp_url], publisher.session, metrics)):
        await publisher.retry([make_delivery()], 800)
        labels = {"driver": "publish"}
        value = metrics.registry.get_sample_value("switchhook_fast_path", labels)
        assert value == (1 if way == "fast" else 0)


@pytest.mark.usefixtures("way")
async def test_a_body_of_many_frames_arrives_whole(amqp_url: str, metrics: Metrics) -> None:
    publisher, taken = Publisher(NAMES, 5, metrics), Taken()
    delivery = make_delivery(payload=b'{"long":"' + b"x" * 3_000_000 + b'"}')
    consumer = consumer_of(taken, metrics, NAMES.deliveries)
    async with (
        running(Link("consume", [amqp_url], consumer.session, metrics)),
        running(Link("publish", [amqp_url], publisher.session, metrics)),
    ):
        await eventually(lambda: is_so(consumer.consuming))
        await asyncio.gather(*(publisher.revive(delivery) for _ in range(3)))
        await eventually(lambda: taken.count_is(3))
    assert [unseal(message.body) for message in taken.messages] == [[delivery]] * 3


async def test_returns_among_thousands_fail_their_own_publishes_alone(
    amqp_url: str, metrics: Metrics
) -> None:
    publisher = Publisher(NAMES, 30, metrics)
    async with connected(amqp_url) as connection:
        await declare(connection, NAMES, TIERS_MS)
        channel = await connection.channel()
        await channel.queue_delete(NAMES.tier(800))
        await channel.queue_delete(NAMES.deliveries)  # so that the others stay in their tier
        async with running(Link("publish", [amqp_url], publisher.session, metrics)):
            tiers = [800 if number % 7 == 0 else 300 for number in range(2500)]
            outcomes = await asyncio.gather(
                *(publisher.retry([make_delivery()], tier) for tier in tiers),
                return_exceptions=True,
            )
    failed = [isinstance(outcome, BrokerUnavailable) for outcome in outcomes]
    assert failed == [tier == 800 for tier in tiers]


@asynccontextmanager
async def alarmed(broker: RabbitServer) -> AsyncIterator[None]:
    """A disk alarm of the broker: it reads nothing from those who publish."""
    await broker.control("set_disk_free_limit", "1000000GB")
    try:
        yield
    finally:
        await broker.control("set_disk_free_limit", "50MB")


async def test_under_an_alarm_publishes_wait_in_bounds_and_the_connection_lasts(
    amqp_url: str, metrics: Metrics, broker: RabbitServer
) -> None:
    publisher = Publisher(NAMES, 3, metrics)
    async with connected(amqp_url) as connection:
        await declare(connection, NAMES, TIERS_MS)
    link = Link("publish", [amqp_url], publisher.session, metrics)
    big = [make_delivery(payload=b'{"long":"' + b"x" * 100_000 + b'"}')]
    async with running(link):
        await publisher.retry(big, 800)
        own = publisher._own
        assert isinstance(own, Confirms)
        async with alarmed(broker):
            outcomes = await asyncio.gather(
                *(publisher.retry(big, 800) for _ in range(500)), return_exceptions=True
            )
            assert any(isinstance(outcome, BrokerUnavailable) for outcome in outcomes)
            assert own._bytes <= MOST_BYTES_IN_FLIGHT
            assert not own._waiting
        await eventually(lambda: _taken(publisher), 10, "a publish after the alarm")
        assert publisher._own is own, "the connection did not last"


async def _taken(publisher: Publisher) -> bool:
    return not await _refused(publisher)


@pytest.mark.usefixtures("way")
async def test_with_the_connection_what_is_under_way_fails_at_once(
    amqp_url: str, metrics: Metrics, broker: RabbitServer
) -> None:
    publisher = Publisher(NAMES, 60, metrics)
    async with connected(amqp_url) as connection:
        await declare(connection, NAMES, TIERS_MS)
    async with Proxy(broker.port) as proxy:
        url = amqp_url.replace(f":{broker.port}/", f":{proxy.port}/")
        async with running(Link("publish", [url], publisher.session, metrics)):
            await publisher.retry([make_delivery()], 800)
            proxy.set(Weather(black_hole=True))
            made = [asyncio.create_task(publisher.retry([make_delivery()], 800)) for _ in range(50)]
            done, _ = await asyncio.wait(made, timeout=0.5)
            assert not done
            made[0].cancel()
            proxy.reset_all()
            _, waiting = await asyncio.wait(made, timeout=5)
            assert not waiting
            assert made[0].cancelled()
            assert all(isinstance(task.exception(), BrokerUnavailable) for task in made[1:])
            proxy.set(FAIR)
            await eventually(lambda: _taken(publisher), 20, "a publish on the next connection")
