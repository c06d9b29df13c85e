"""Queues of requests on a real broker: one that cannot be consumed leaves the events alone."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aio_pika
from structlog.testing import capture_logs

from service.adapters.rabbitmq.consuming.consumer import Consumer
from service.adapters.rabbitmq.consuming.subscription import Subscription
from service.adapters.rabbitmq.link import Link
from service.adapters.rabbitmq.topology.queues import QUESTIONS
from service.dev.rabbit_server import RabbitServer
from service.observability.metrics import Metrics
from tests.e2e.harness import call_event, eventually, switch
from tests.integration.background import running
from tests.integration.broker_parts import (
    NAMES,
    TIERS_MS,
    Taken,
    connected,
    is_so,
    new_bindings,
)


@asynccontextmanager
async def working(
    amqp_url: str, metrics: Metrics, events: Taken, questions: Taken
) -> AsyncIterator[Consumer]:
    consumer = Consumer(
        NAMES,
        TIERS_MS,
        [
            Subscription(NAMES.events, 10, lambda: 10, events.accept, lambda _: None),
            Subscription(
                NAMES.ask, 10, lambda: 10, questions.accept, lambda _: None, arguments=QUESTIONS
            ),
        ],
        new_bindings(metrics),
        metrics,
        look_every_s=0.2,
    )
    async with running(Link("consume", [amqp_url], consumer.session, metrics)):
        await eventually(lambda: is_so(consumer.consuming))
        yield consumer


async def ask(amqp_url: str) -> None:
    async with connected(amqp_url) as connection:
        channel = await connection.channel()
        await channel.default_exchange.publish(aio_pika.Message(b"{}"), NAMES.ask)


async def test_events_go_on_where_the_broker_does_not_let_the_questions_be_consumed(
    amqp_url: str, metrics: Metrics
) -> None:
    events, questions = Taken(), Taken()
    with capture_logs() as lines:
        async with connected(amqp_url) as stranger:
            await (await stranger.channel()).declare_queue(NAMES.ask, exclusive=True)
            async with working(amqp_url, metrics, events, questions) as consumer:
                async with switch(amqp_url) as kazoo:
                    await kazoo.publish(call_event("c-1"))
                await eventually(lambda: events.count_is(1))
                assert f"{NAMES.ask} cannot be consumed" in (consumer.upkeep.problem or "")
                assert metrics.topology_broken._value.get() == 1
                await stranger.close()
                await eventually(lambda: is_so(consumer.upkeep.problem is None), what="its end")
                assert metrics.topology_broken._value.get() == 0
                await ask(amqp_url)
                await eventually(lambda: questions.count_is(1))
    told = [line for line in lines if line["event"] in ("requests.unavailable", "broker.lost")]
    assert [(line["event"], line["log_level"]) for line in told] == [
        ("requests.unavailable", "error")
    ]


async def test_a_deleted_queue_of_questions_comes_back_without_a_new_connection(
    amqp_url: str, metrics: Metrics, broker: RabbitServer
) -> None:
    events, questions = Taken(ack=False), Taken()
    channels = []
    async with working(amqp_url, metrics, events, questions) as consumer:
        async with switch(amqp_url) as kazoo:
            await kazoo.publish(call_event("c-1"))
        await eventually(lambda: events.count_is(1))
        for _ in range(2):
            async with connected(amqp_url) as person:
                await (await person.channel()).queue_delete(NAMES.ask)
            await ask_until_one_more_is_taken(amqp_url, questions)
            channels.append(await channels_of(broker, amqp_url))
        assert consumer.consuming
    assert channels[0] == channels[1]
    assert [message.redelivered for message in events.messages] == [False]


async def ask_until_one_more_is_taken(amqp_url: str, questions: Taken) -> None:
    before = len(questions.messages)

    async def taken() -> bool:
        await ask(amqp_url)
        return len(questions.messages) > before

    await eventually(taken, 10, "a question")


async def channels_of(broker: RabbitServer, amqp_url: str) -> int:
    """Return how many channels the consuming connection keeps; one for a look comes and goes."""
    return min([await _channels_now(broker, amqp_url) for _ in range(3)])


async def _channels_now(broker: RabbitServer, amqp_url: str) -> int:
    vhost = amqp_url.rpartition("/")[2]
    rows = await broker.control("list_connections", "channels", "vhost", "client_properties")
    fields = (row.split("\t", 2) for row in rows.splitlines())
    return sum(
        int(channels)
        for channels, where, properties in fields
        if where == vhost and "switchhook consume" in properties
    )


async def test_questions_taken_before_the_stop_are_acknowledged(
    amqp_url: str, metrics: Metrics
) -> None:
    events, questions = Taken(), Taken(ack=False)
    async with working(amqp_url, metrics, events, questions) as consumer:
        await ask(amqp_url)
        await eventually(lambda: questions.count_is(1))
        await consumer.stop()
        await ask(amqp_url)
        questions.messages[0].ack()
        await consumer.tell()
    async with connected(amqp_url) as person:
        queue = await (await person.channel()).get_queue(NAMES.ask)
        left = await queue.get(timeout=5)
        assert left is not None
        assert not left.redelivered
        await left.ack()
        assert await queue.get(fail=False) is None
