"""Consumer: one connection, a channel per lane, manual acknowledgements."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import structlog
from aio_pika.abc import AbstractConnection
from pamqp.commands import Basic

from service.adapters.rabbitmq.consuming.acks import Acks
from service.adapters.rabbitmq.consuming.depths import LOOK_EVERY_S, keep_looking
from service.adapters.rabbitmq.consuming.inbox import FastPath, Inbox
from service.adapters.rabbitmq.consuming.window import ConsumerWindow
from service.adapters.rabbitmq.link import BROKER_ERRORS
from service.adapters.rabbitmq.rejected import EXCHANGE, ROUTING_KEY
from service.adapters.rabbitmq.topology.bindings import Bindings
from service.adapters.rabbitmq.topology.queues import Names, declare_plain
from service.adapters.rabbitmq.topology.upkeep import Upkeep
from service.cancellation import honour_cancellation
from service.domain.trace import traceparent_in
from service.observability.metrics import Metrics
from service.ports import Incoming

NO_HEADERS: Mapping[str, object] = MappingProxyType({})
DELIVERY_COUNT = "x-delivery-count"
"""Header that a quorum queue sets on redelivered messages: 1 on the first redelivery."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Subscription:
    """A queue, and the lane that takes its messages.

    `prefetch` is the number of unacknowledged messages that one consumer may hold, `window_size`
    returns the current number for all consumers of this process. `note_waiting` is called
    periodically with the backlog: the number of messages that wait in the queue.
    """

    queue: str
    prefetch: int
    window_size: Callable[[], int]
    accept: Callable[[Incoming], None]
    note_waiting: Callable[[int], None]
    plain: Mapping[str, Any] | None = None
    """The arguments of a queue that is not one of `topology.queues`, but a classic, durable one."""


class Consumer:
    """Session of the consuming connection: declares, binds, consumes."""

    def __init__(
        self,
        names: Names,
        tiers_ms: Sequence[int],
        subscriptions: Sequence[Subscription],
        bindings: Bindings,
        metrics: Metrics,
        look_every_s: float = LOOK_EVERY_S,
    ) -> None:
        self.upkeep = Upkeep(names, tiers_ms, metrics)
        self._subscriptions = subscriptions
        self._bindings = bindings
        self._metrics = metrics
        self._fast_path = FastPath(metrics.fast_path.labels("amqp"))
        self._look_every_s = look_every_s
        self._windows: list[ConsumerWindow] = []
        self._acks: list[Acks] = []
        self._stopped = False
        self._exchange = names.exchange

    @property
    def consuming(self) -> bool:
        """Whether every queue is consumed and `stop` was not called."""
        return not self._stopped and len(self._windows) == len(self._subscriptions)

    async def session(self, connection: AbstractConnection) -> None:
        """Consume until connection, channel or consumer is lost. Raises TopologyConflict."""
        await self.upkeep.declare(connection)
        for subscription in self._subscriptions:
            if subscription.plain is not None:
                await declare_plain(connection, subscription.queue, subscription.plain)
        lost = asyncio.Event()
        connection.close_callbacks.add(lambda *_: lost.set())
        try:
            # Bind before consuming: events published while no binding exists are lost, and messages
            # of a backlog would delay the broker's answers on the same connection.
            await self._bindings.bind(connection)
            async with asyncio.TaskGroup() as tasks:
                binding = tasks.create_task(self._bindings.keep(connection))
                telling = [tasks.create_task(self.upkeep.keep(connection))]
                if not self._stopped:
                    for subscription in self._subscriptions:
                        window, acks = await self._consume(connection, subscription, lost)
                        telling.append(tasks.create_task(acks.keep_telling()))
                        telling.append(tasks.create_task(window.keep(subscription.window_size)))
                    telling.append(tasks.create_task(self._look(connection)))
                    log.info("broker.consuming", queues=[s.queue for s in self._subscriptions])
                    if self._stopped:
                        await self.stop()  # `stop` ran meanwhile, before all windows were open
                honour_cancellation()
                await lost.wait()
                for task in (binding, *telling):
                    task.cancel()
        except BaseExceptionGroup as group:
            # The first error is the cause; the others follow from it.
            raise group.exceptions[0] from None
        finally:
            self._windows.clear()
            while self._acks:
                self._acks.pop().close()

    async def _look(self, connection: AbstractConnection) -> None:
        queues = {one.queue: one.note_waiting for one in self._subscriptions}
        await keep_looking(connection, queues, lambda: self.consuming, self._look_every_s)

    async def tell(self) -> None:
        """Acknowledge all messages settled so far."""
        for acks in self._acks:
            await acks.tell()

    async def stop(self) -> None:
        """Stop consuming; messages already taken can still be acknowledged."""
        self._stopped = True
        for window in self._windows:
            try:
                await window.stop()
            except BROKER_ERRORS:
                log.info("consumer.cancel_failed", note="connection already closed")
        self._windows.clear()

    async def _consume(
        self, connection: AbstractConnection, subscription: Subscription, lost: asyncio.Event
    ) -> tuple[ConsumerWindow, Acks]:
        channel = await connection.channel(publisher_confirms=False)
        channel.close_callbacks.add(lambda *_: lost.set())
        wire = await channel.get_underlay_channel()
        # The broker cancels a consumer whose queue was deleted; there is no other sign of it.
        wire.on_consumer_cancel_callbacks.add(lambda *_: lost.set())

        # Messages arrive, and may be settled, before the broker's answer to `consume` is read.
        acks = Acks(wire, self._metrics)
        self._acks.append(acks)

        def take(deliver: Basic.Deliver, properties: Basic.Properties, body: bytes) -> None:
            acks.note(deliver.delivery_tag or 0)
            message = ReceivedMessage(deliver, properties, body, acks)
            if message.exchange == self._exchange:
                message.restore_origin()
            subscription.accept(message)

        inbox = Inbox(wire, take)
        await self._fast_path.choose(inbox)
        window = ConsumerWindow(wire, inbox, subscription.queue, subscription.prefetch)
        await window.open()
        self._windows.append(window)
        return window, acks


class ReceivedMessage:
    """An unacknowledged message; see `ports.Incoming`."""

    __slots__ = (
        "_acks", "_properties", "_tag", "body", "content_encoding", "deliveries", "exchange",
        "redelivered", "routing_key", "traceparent",
    )  # fmt: skip

    def __init__(
        self, deliver: Basic.Deliver, properties: Basic.Properties, body: bytes, acks: Acks
    ) -> None:
        self.exchange = deliver.exchange or ""
        self.routing_key = deliver.routing_key or ""
        self.body = body
        self.content_encoding = properties.content_encoding
        headers = properties.headers or NO_HEADERS
        self.traceparent = traceparent_in(headers.get("traceparent"))
        self.redelivered = bool(deliver.redelivered)
        self.deliveries = _count(headers.get(DELIVERY_COUNT)) if deliver.redelivered else 0
        self._acks = acks
        self._properties = properties
        self._tag = deliver.delivery_tag or 0

    def restore_origin(self) -> None:
        """Take the exchange and routing key of a message that was rejected and brought back.

        For messages from our own exchange: on another, a publisher could set the headers.
        """
        headers = self._properties.headers
        if headers and EXCHANGE in headers:
            self.exchange = str(headers[EXCHANGE])
            self.routing_key = str(headers.get(ROUTING_KEY, ""))

    @property
    def reply_to(self) -> str | None:
        """See `ports.Incoming`."""
        return self._properties.reply_to

    @property
    def correlation_id(self) -> str | None:
        """See `ports.Incoming`."""
        return self._properties.correlation_id

    def ack(self) -> None:
        """Acknowledge on the channel that brought the message, and on no other.

        Delivery tags restart with every channel: on another channel the tag would acknowledge
        another message, or break the channel.
        """
        self._acks.settle(self._tag)

    async def tell(self) -> None:
        """See `ports.Incoming`."""
        await self._acks.tell()

    async def refuse(self) -> None:
        """Reject without requeueing: the broker dead-letters the message to the rejected queue."""
        await self._acks.refuse(self._tag)


def _count(header: object) -> int:
    """Return the broker's count; a publisher can set the header to anything."""
    return header if isinstance(header, int) and header > 0 else 0
