"""Our queue bound to the exchanges of the switch: late, again, with few permissions."""

import asyncio
from collections.abc import Iterator

import aio_pika

from service.adapters.rabbitmq.link import Link
from service.adapters.rabbitmq.topology.bindings import Bindings
from service.adapters.rabbitmq.topology.queues import declare
from service.dev.rabbit_server import RabbitServer
from service.dialects.kazoo.events import calls
from service.observability.metrics import Metrics
from service.ports import Incoming
from tests.e2e.harness import call_event, eventually, switch
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


async def test_an_exchange_that_is_deleted_and_declared_anew_is_bound_again(
    amqp_url: str, metrics: Metrics
) -> None:
    bindings = Bindings(
        NAMES.events, (calls.binding("CHANNEL_CREATE"),), metrics, may_declare=False, repeat_s=0.2
    )
    async with connected(amqp_url) as connection:
        await declare(connection, NAMES, TIERS_MS)
        keeping = asyncio.create_task(bindings.keep(connection))
        await eventually(lambda: is_so(bindings.missing == ("callevt",)))
        assert not bindings.bound
        channel = await connection.channel()
        await channel.declare_exchange("callevt", "topic")
        await eventually(lambda: is_so(bindings.bound))
        await channel.exchange_delete("callevt")
        await eventually(lambda: is_so(not bindings.bound))
        await channel.declare_exchange("callevt", "topic")
        await eventually(lambda: is_so(bindings.bound))
        keeping.cancel()
        await asyncio.wait([keeping])
    async with switch(amqp_url) as kazoo:
        await kazoo.publish(call_event("c-1"))


async def test_nothing_is_consumed_before_all_is_bound(amqp_url: str, metrics: Metrics) -> None:
    # The answers to our questions would wait behind the backlog, on the same connection.
    bindings = new_bindings(metrics)
    async with connected(amqp_url) as connection:
        await declare(connection, NAMES, TIERS_MS)
        channel = await connection.channel()
        for number in range(20):
            message = aio_pika.Message(f"{number}".encode())
            await channel.default_exchange.publish(message, NAMES.events)
    bound: list[bool] = []

    class Watching(Taken):
        def accept(self, incoming: Incoming) -> None:
            bound.append(bindings.bound)
            super().accept(incoming)

    taken = Watching()
    consumer = consumer_of(taken, metrics, bindings=bindings)
    async with running(Link("consume", [amqp_url], consumer.session, metrics)):
        await eventually(lambda: taken.count_is(20))
    assert bound == [True] * 20


async def test_our_declaration_of_the_exchange_is_the_switchs_own(
    amqp_url: str, metrics: Metrics
) -> None:
    bindings = new_bindings(metrics)
    async with connected(amqp_url) as connection:
        await declare(connection, NAMES, TIERS_MS)
        keeping = asyncio.create_task(bindings.keep(connection))
        await eventually(lambda: is_so(bindings.bound))
        keeping.cancel()
        await asyncio.wait([keeping])
        # As Kazoo declares it; anything else would be refused, to it or to us.
        channel = await connection.channel()
        await channel.declare_exchange(
            "callevt", "topic", durable=False, auto_delete=False, internal=False
        )


async def test_an_exchange_of_the_switch_that_is_declared_otherwise_is_bound_all_the_same(
    amqp_url: str, metrics: Metrics
) -> None:
    taken = Taken()
    bindings = new_bindings(metrics)
    async with connected(amqp_url) as connection:
        channel = await connection.channel()
        await channel.declare_exchange("callevt", "topic", durable=True)
    consumer = consumer_of(taken, metrics, bindings=bindings)
    async with running(Link("consume", [amqp_url], consumer.session, metrics)):
        await eventually(lambda: is_so(bindings.bound))
        async with switch(amqp_url) as kazoo:
            await kazoo.publish(call_event("c-1"))
        await eventually(lambda: taken.count_is(1))


async def test_a_least_privileged_user_is_enough_once_the_switch_has_declared(
    amqp_url: str, metrics: Metrics, broker: RabbitServer, numbers: Iterator[int]
) -> None:
    vhost, user = amqp_url.rpartition("/")[2], f"user{next(numbers)}"
    await broker.control("add_user", user, "secret")
    ours = r"^switchhook(\.|$)"
    await broker.control("set_permissions", "-p", vhost, user, ours, ours, f"{ours}|^callevt$")
    own_url = amqp_url.replace("guest:guest", f"{user}:secret")
    taken = Taken()
    bindings = new_bindings(metrics)
    consumer = consumer_of(taken, metrics, bindings=bindings)
    async with running(Link("consume", [own_url], consumer.session, metrics)):
        await eventually(lambda: is_so(consumer.consuming))
        async with connected(amqp_url) as connection:
            channel = await connection.channel()
            await channel.declare_exchange("callevt", "topic")
        await eventually(lambda: is_so(bindings.bound))
        async with switch(amqp_url) as kazoo:
            await kazoo.publish(call_event("c-1"))
        await eventually(lambda: taken.count_is(1))
