"""The adapters on a real broker: topology, bindings, publishing, consuming."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import aio_pika
import pytest
from aio_pika.abc import AbstractConnection
from prometheus_client import CollectorRegistry

from service.adapters.rabbitmq_bindings import Bindings
from service.adapters.rabbitmq_consumer import Consumer, Subscription
from service.adapters.rabbitmq_link import FIRST_PAUSE_S, HEALTHY_S, Link
from service.adapters.rabbitmq_publisher import Publisher
from service.adapters.rabbitmq_topology import Names, declare
from service.dev.servers import RabbitServer
from service.domain.errors import BrokerUnavailable, TopologyConflict
from service.observability.metrics import Metrics
from service.pipeline.envelope import unseal
from service.pipeline.patience import heed_cancellation
from service.ports import Incoming
from service.sources.kazoo import calls
from tests.builders import make_delivery
from tests.e2e.harness import call_event, depth, eventually, switch, take_messages

NAMES = Names("switchhook")
TIERS_MS = (300, 800)


@pytest.fixture
def metrics() -> Metrics:
    return Metrics(CollectorRegistry(), [("kazoo", "channel_create")])


@asynccontextmanager
async def running(link: Link) -> AsyncIterator[asyncio.Task[None]]:
    """Keep a link up while the block runs."""
    task = asyncio.create_task(link.run())
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait([task])


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
    bindings = bindings or Bindings(
        NAMES.events, (calls.binding("CHANNEL_CREATE"),), metrics, may_declare=True
    )
    subscription = Subscription(queue, 10, taken.accept, lambda _: None)
    return Consumer(NAMES, TIERS_MS, [subscription], bindings, metrics)


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
        await eventually(lambda: _true(consumer.consuming))
        started = asyncio.get_running_loop().time()
        await publisher.retry(delivery, 800)
        await eventually(lambda: taken.count_is(1))
        assert asyncio.get_running_loop().time() - started >= 0.8
    assert unseal(taken.messages[0].body) == delivery


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
            await publisher.retry(make_delivery(), 800)
        await publisher.retry(make_delivery(), 300)


async def test_publishing_without_a_connection_fails_in_time(metrics: Metrics) -> None:
    with pytest.raises(BrokerUnavailable):
        await Publisher(NAMES, 0.2, metrics).retry(make_delivery(), 300)


async def test_concurrent_publishes_are_each_confirmed(amqp_url: str, metrics: Metrics) -> None:
    publisher = Publisher(NAMES, 10, metrics)
    async with connected(amqp_url) as connection:
        await declare(connection, NAMES, TIERS_MS)
        channel = await connection.channel()
        await channel.queue_delete(NAMES.deliveries)  # so that they stay in the tier
    async with running(Link("publish", [amqp_url], publisher.session, metrics)):
        await asyncio.gather(*(publisher.retry(make_delivery(), 800) for _ in range(200)))


async def test_what_was_not_acknowledged_comes_again_and_is_marked(
    amqp_url: str, metrics: Metrics, broker: RabbitServer
) -> None:
    taken = Taken(ack=False)
    bindings = Bindings(NAMES.events, (calls.binding("CHANNEL_CREATE"),), metrics, may_declare=True)
    consumer = consumer_of(taken, metrics, bindings=bindings)
    async with running(Link("consume", [amqp_url], consumer.session, metrics)):
        await eventually(lambda: _true(consumer.consuming and bindings.bound))
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


async def test_a_link_can_be_stopped_at_any_moment(amqp_url: str, metrics: Metrics) -> None:
    for moment in range(60):
        consumer, publisher = consumer_of(Taken(), metrics), Publisher(NAMES, 5, metrics)
        links = [
            asyncio.create_task(Link("stop", [amqp_url], session, metrics).run())
            for session in (consumer.session, publisher.session)
        ]
        await asyncio.sleep(moment / 1000)
        for link in links:
            link.cancel()
        _, hanging = await asyncio.wait(links, timeout=5)
        assert not hanging, f"after {moment} ms"


async def test_a_cancellation_that_a_library_swallowed_is_heeded() -> None:
    async def careless() -> None:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(60)
        heed_cancellation()
        await asyncio.sleep(60)

    task = asyncio.create_task(careless())
    await asyncio.sleep(0)
    task.cancel()
    _, hanging = await asyncio.wait([task], timeout=1)
    assert not hanging
    heed_cancellation()  # nobody cancelled us


async def test_a_session_that_leaves_a_cancellation_behind_is_followed_by_another(
    amqp_url: str, metrics: Metrics
) -> None:
    sessions: list[AbstractConnection] = []

    async def fails_when_cancelled() -> None:
        """As aiormq does on a connection that was just lost."""
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise ConnectionResetError("the connection was lost") from None

    async def session(connection: AbstractConnection) -> None:
        sessions.append(connection)
        try:
            async with asyncio.TaskGroup() as tasks:
                child = tasks.create_task(fails_when_cancelled())
                await asyncio.sleep(0)
                child.cancel()
        except BaseExceptionGroup as group:
            raise group.exceptions[0] from None

    async def again() -> bool:
        return len(sessions) > 1

    async with running(Link("consume", [amqp_url], session, metrics)) as task:
        await eventually(again, 10, "a second session")
        assert not task.done()


async def test_after_a_session_that_went_well_the_link_comes_back_at_once(
    amqp_url: str, metrics: Metrics
) -> None:
    loop = asyncio.get_running_loop()
    ended: list[float] = []
    pauses: list[float] = []

    async def session(_: AbstractConnection) -> None:
        if ended:
            pauses.append(loop.time() - ended[-1])
        await asyncio.sleep(HEALTHY_S + 0.1)
        ended.append(loop.time())
        raise ConnectionResetError("the connection was lost")

    async def four_pauses() -> bool:
        return len(pauses) == 4

    async with running(Link("consume", [amqp_url], session, metrics)):
        await eventually(four_pauses, 60, "four pauses")
    assert max(pauses) < 4 * FIRST_PAUSE_S, "the fourth would be eight times the first"


async def test_an_exchange_that_is_deleted_and_declared_anew_is_bound_again(
    amqp_url: str, metrics: Metrics
) -> None:
    bindings = Bindings(
        NAMES.events, (calls.binding("CHANNEL_CREATE"),), metrics, may_declare=False, repeat_s=0.2
    )
    async with connected(amqp_url) as connection:
        await declare(connection, NAMES, TIERS_MS)
        keeping = asyncio.create_task(bindings.keep(connection))
        await eventually(lambda: _true(bindings.missing == ("callevt",)))
        assert not bindings.bound
        channel = await connection.channel()
        await channel.declare_exchange("callevt", "topic")
        await eventually(lambda: _true(bindings.bound))
        await channel.exchange_delete("callevt")
        await eventually(lambda: _true(not bindings.bound))
        await channel.declare_exchange("callevt", "topic")
        await eventually(lambda: _true(bindings.bound))
        keeping.cancel()
        await asyncio.wait([keeping])
    async with switch(amqp_url) as kazoo:
        await kazoo.publish(call_event("c-1"))


async def test_nothing_is_consumed_before_all_is_bound(amqp_url: str, metrics: Metrics) -> None:
    # The answers to our questions would wait behind the backlog, on the same connection.
    binding = calls.binding("CHANNEL_CREATE")
    bindings = Bindings(NAMES.events, (binding,), metrics, may_declare=True)
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
    bindings = Bindings(NAMES.events, (calls.binding("CHANNEL_CREATE"),), metrics, may_declare=True)
    async with connected(amqp_url) as connection:
        await declare(connection, NAMES, TIERS_MS)
        keeping = asyncio.create_task(bindings.keep(connection))
        await eventually(lambda: _true(bindings.bound))
        keeping.cancel()
        await asyncio.wait([keeping])
        # As Kazoo declares it; anything else would be refused, to it or to us.
        channel = await connection.channel()
        await channel.declare_exchange(
            "callevt", "topic", durable=False, auto_delete=False, internal=False
        )


async def test_a_least_privileged_user_is_enough_once_the_switch_has_declared(
    amqp_url: str, metrics: Metrics, broker: RabbitServer, numbers: Iterator[int]
) -> None:
    vhost, user = amqp_url.rpartition("/")[2], f"user{next(numbers)}"
    await broker.control("add_user", user, "secret")
    ours = r"^switchhook(\.|$)"
    await broker.control("set_permissions", "-p", vhost, user, ours, ours, f"{ours}|^callevt$")
    own_url = amqp_url.replace("guest:guest", f"{user}:secret")
    taken = Taken()
    bindings = Bindings(NAMES.events, (calls.binding("CHANNEL_CREATE"),), metrics, may_declare=True)
    consumer = consumer_of(taken, metrics, bindings=bindings)
    async with running(Link("consume", [own_url], consumer.session, metrics)):
        await eventually(lambda: _true(consumer.consuming))
        async with connected(amqp_url) as connection:
            channel = await connection.channel()
            await channel.declare_exchange("callevt", "topic")
        await eventually(lambda: _true(bindings.bound))
        async with switch(amqp_url) as kazoo:
            await kazoo.publish(call_event("c-1"))
        await eventually(lambda: taken.count_is(1))


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


async def _true(value: object) -> object:
    return value


async def _empty(amqp_url: str, queue: str) -> bool:
    return await depth(amqp_url, queue) == 0


async def _cut(broker: RabbitServer, amqp_url: str, name: str) -> None:
    vhost = amqp_url.rpartition("/")[2]
    rows = await broker.control("list_connections", "pid", "vhost", "client_properties")
    for row in rows.splitlines():
        pid, where, properties = row.split("\t", 2)
        if where == vhost and name in properties:
            await broker.control("close_connection", pid, "test")
