"""What the end-to-end tests share: webhooks to write, events to publish, queues to look into."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import aio_pika
import orjson
from aiormq.abc import AbstractChannel as WireChannel
from pamqp.commands import Basic, Queue
from yarl import URL

from service.adapters.rabbitmq.bus import WrittenTimestamp
from service.adapters.rabbitmq.topology.queues import Names, queues
from service.dev.process import ServiceProcess
from service.dev.rabbit_server import RabbitServer
from service.dev.receiver import Receiver
from service.dialects.bus_message import BusMessage, Occasion
from service.domain.errors import SwitchhookError
from tests.dialects import HOOKS
from tests.forking.client import ForkedService

ACCOUNT = "00000000000000000000000000000c03"
ANOTHER = "another"
KAZOO_STAMP = 63_877_497_874_651_078
"""Gregorian microseconds, as Kazoo stamps its messages."""
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

SAMPLES = {hook.hook_id: hook.sample for hook in HOOKS}


def webhook_document(uri: str, **more: Any) -> dict[str, Any]:
    """Return a webhook of the account, for the start of calls unless told otherwise."""
    document = {
        "_id": "5f0c2a9be1d44c7f9a3be0d1c2b3a495",
        "account_id": ACCOUNT,
        "name": "crm",
        "uri": uri,
        "hook": "channel_create",
        "http_verb": "post",
        "format": "json",
        "retries": 2,
        "enabled": True,
        "secret": SECRET,
    }
    return document | more


def call_event(call_id: str, hook: str = "channel_create", account_id: str = ACCOUNT) -> BusMessage:
    """Return an event of a call."""
    return SAMPLES[hook](Occasion.now(account_id, call_id))


class Switch:
    """Publishes as Kazoo does, but knows which messages reached a queue: only those count."""

    def __init__(self, channel: WireChannel) -> None:
        self._channel = channel

    async def publish(self, message: BusMessage, **properties: Any) -> None:
        """Publish; raises where no queue took it."""
        await self.publish_raw(
            message.exchange,
            message.routing_key,
            orjson.dumps(message.body),
            **({"headers": dict(message.headers)} | properties),
        )

    async def publish_raw(
        self, exchange: str, routing_key: str, body: bytes, **properties: Any
    ) -> None:
        """Publish any bytes with any properties, the timestamp being Kazoo's by default."""
        given: dict[str, Any] = {
            "content_type": "application/json",
            "timestamp": WrittenTimestamp.of(KAZOO_STAMP),
        } | properties
        await self._channel.basic_publish(
            body,
            exchange=exchange,
            routing_key=routing_key,
            properties=Basic.Properties(**given),
            mandatory=True,
            timeout=10,
        )


@asynccontextmanager
async def switch(amqp_url: str) -> AsyncIterator[Switch]:
    """Yield a switch on the bus."""
    connection = await aio_pika.connect(amqp_url)
    async with connection:
        channel = await connection.channel(publisher_confirms=True, on_return_raises=True)
        yield Switch(await channel.get_underlay_channel())


async def take_messages(
    amqp_url: str, queue: str, count: int, timeout_s: float = 10
) -> list[aio_pika.abc.AbstractIncomingMessage]:
    """Take messages out of a queue, waiting for them. Raises TimeoutError."""
    arrived: asyncio.Queue[aio_pika.abc.AbstractIncomingMessage] = asyncio.Queue()
    connection = await aio_pika.connect(amqp_url)
    async with connection, asyncio.timeout(timeout_s):
        channel = await connection.channel()
        await channel.set_qos(prefetch_count=count)
        found = await channel.get_queue(queue)
        await found.consume(arrived.put)
        messages = [await arrived.get() for _ in range(count)]
        for message in messages:
            await message.ack()
        return messages


async def depth(amqp_url: str, queue: str) -> int:
    """Return how many messages wait in a queue."""
    return (await _declared(amqp_url, queue)).message_count or 0


async def consumers(amqp_url: str, queue: str) -> int:
    """Return how many consumers a queue has."""
    return (await _declared(amqp_url, queue)).consumer_count or 0


async def _declared(amqp_url: str, queue: str) -> Queue.DeclareOk:
    connection = await aio_pika.connect(amqp_url)
    async with connection:
        channel = await connection.channel()
        return (await channel.declare_queue(queue, passive=True)).declaration_result


async def clash_on_the_broker(amqp_url: str) -> None:
    """Have a queue of ours there before us, with another argument."""
    connection = await aio_pika.connect(amqp_url)
    async with connection:
        channel = await connection.channel()
        names = Names("switchhook")
        arguments = queues(names, ())[names.deliveries] | {"x-delivery-limit": 3}
        await channel.declare_exchange("switchhook", "direct", durable=True)
        await channel.declare_queue(names.deliveries, durable=True, arguments=arguments)


async def forget_consumers(broker: RabbitServer, amqp_url: str, queue: str, kept: str = "") -> None:
    """Have the broker forget who consumes a queue, telling nobody; a consumer tag may be kept."""
    name = f'<<"{URL(amqp_url).path.removeprefix("/")}">>, queue, <<"{queue}">>'
    await broker.control(
        "eval",
        f"{{ok, Q}} = rabbit_amqqueue:lookup(rabbit_misc:r({name})), Server = amqqueue:get_pid(Q),"
        "{ok, {_, Consumers}, _} = ra:local_query(Server, fun rabbit_fifo:query_consumers/1),"
        "[ra:process_command(Server, rabbit_fifo:make_checkout(Id, cancel, #{}))"
        f' || {{Tag, _}} = Id <- maps:keys(Consumers), Tag =/= <<"{kept}">>].',
    )


@asynccontextmanager
async def another_consumer(amqp_url: str, queue: str) -> AsyncIterator[None]:
    """Hold one message of a queue while the block runs, and take no other."""

    async def hold(_: aio_pika.abc.AbstractIncomingMessage) -> None:
        return

    connection = await aio_pika.connect(amqp_url)
    async with connection:
        channel = await connection.channel()
        await channel.set_qos(prefetch_count=1)
        found = await channel.get_queue(queue)
        await found.consume(hold, consumer_tag=ANOTHER)
        yield


async def eventually(
    question: Callable[[], Awaitable[Any]], timeout_s: float = 15, what: str = "it"
) -> Any:
    """Ask until the answer is truthy, and return it. Raises AssertionError with the last one."""
    deadline = time.monotonic() + timeout_s
    while True:
        answer = await question()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not happen in {timeout_s} s; last: {answer!r}")
        await asyncio.sleep(0.05)


def logged(service: ServiceProcess, *events: str) -> list[dict[str, Any]]:
    """Return the lines the service wrote about these events."""
    lines = service.log.read_text().splitlines()
    known = [json.loads(line) for line in lines if line.startswith("{") and line.endswith("}")]
    return [line for line in known if line["event"] in events]


async def has_logged(service: ServiceProcess, event: str) -> bool:
    """Return whether the service wrote about this event."""
    return bool(logged(service, event))


def calls_told(receiver: Receiver) -> set[str]:
    """Return the calls the receiver was told of."""
    return {json.loads(request.body)["call_id"] for request in receiver.requests}


def metric(metrics: Mapping[str, float], name: str) -> float:
    """Return a metric that must exist."""
    if name not in metrics:
        raise SwitchhookError(f"no metric {name}; there are {sorted(metrics)[:200]}")
    return metrics[name]


class Unready(ForkedService):
    """A service that is not waited for: it is to meet something wrong, or to wait itself."""

    async def ready(self) -> None:
        """See `Server`."""


class BadText(str):
    """A string that goes over the wire as bytes that are not UTF-8, two for each character."""

    __slots__ = ()

    def encode(self, *_: object, **__: object) -> bytes:
        return b"\xff\xfe" * len(self)
