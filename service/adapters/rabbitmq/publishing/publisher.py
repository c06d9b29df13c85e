"""Publisher: publishes to our own queues, always with confirms, `mandatory` and a timeout.

It has its own connection: under a memory or disk alarm the broker stops reading connections that
publish, and must still read acknowledgements.
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import orjson
import structlog
from aio_pika import DeliveryMode, Message
from aio_pika.abc import AbstractChannel, AbstractConnection
from aiormq.exceptions import PublishError

from service.adapters.rabbitmq.diagnosis import ALARM, ALARM_REMEDY
from service.adapters.rabbitmq.link import BROKER_ERRORS, describe, unavailable
from service.adapters.rabbitmq.publishing.frames import Headers, Outgoing
from service.adapters.rabbitmq.publishing.leg_questions import SwitchQuestions
from service.adapters.rabbitmq.publishing.outbox import Outbox, open_outbox
from service.adapters.rabbitmq.publishing.switch_bus import SwitchBus
from service.adapters.rabbitmq.topology.queues import Names
from service.cancellation import honour_cancellation
from service.dialects.leg_questions import LegQuestions
from service.domain.delivery import DeadLetter, Delivery
from service.domain.errors import BrokerUnavailable, RejectReason
from service.domain.webhook import NOTHING
from service.observability.metrics import Metrics
from service.pipeline.envelope import seal, seal_letters
from service.ports import Incoming

BLOCKED_AFTER_S = 1.0
LOOK_EVERY_S = 1.0
LONGEST_HEADER = 500
LONGEST_ENCODING = 60
"""Limit in characters. Bytes that were not UTF-8 were escaped to several characters each, and an
AMQP short string has at most 255 bytes."""

log = structlog.get_logger(__name__)


class Publisher:
    """Session of the publishing connection; fits `ports.Queues` and `ports.Announcer`."""

    def __init__(
        self,
        names: Names,
        timeout_s: float,
        metrics: Metrics,
        leg_questions: Mapping[str, LegQuestions] = NOTHING,
    ) -> None:
        self._names = names
        self._timeout_s = timeout_s
        self._duration = metrics.publish_duration
        self._blocked_gauge = metrics.blocked
        self._fast_path = metrics.fast_path.labels("publish")
        self._own: Outbox | None = None
        self._foreign: AbstractChannel | None = None
        self._connection: AbstractConnection | None = None
        self._ready = asyncio.Event()
        self.switch_bus = SwitchBus(timeout_s)
        """Publishes over the same connection, on the switch's exchanges."""
        self.switch_questions = SwitchQuestions(names, leg_questions)
        """Asks over the same connection."""
        self.on_returned: Callable[[], None] = lambda: None
        """Called when the broker returns a publish, or a channel is closed."""
        self.blocked = False
        """Whether the broker currently accepts no publishes."""

    async def session(self, connection: AbstractConnection) -> None:
        """Publish over this connection until it or a channel is lost."""
        lost = asyncio.Event()
        connection.close_callbacks.add(lambda *_: lost.set())
        own: Outbox | None = None
        try:
            channel = partial(self._open, connection, lost)
            names, timeout_s = self._names, self._timeout_s
            own = await open_outbox(channel, names.exchange, timeout_s, self._fast_path)
            # A rejected message may break the channel that it is published on, and with it all
            # unconfirmed publishes there: hence a second channel.
            self._foreign = await channel()
            self._connection, self._own = connection, own
            self.switch_bus.use(connection)
            self.switch_questions.use(connection)
            self._ready.set()
            honour_cancellation()
            async with asyncio.TaskGroup() as tasks:
                watching = tasks.create_task(self._watch(connection), name="watch for alarms")
                writing = tasks.create_task(own.keep_writing(), name="write publishes")
                await lost.wait()
                watching.cancel()
                writing.cancel()
        finally:
            self._set_blocked(blocked=False)
            self._ready.clear()
            self.switch_bus.use(None)
            self.switch_questions.use(None)
            self._connection = self._own = self._foreign = None
            if own is not None:
                own.close()

    async def _open(self, connection: AbstractConnection, lost: asyncio.Event) -> AbstractChannel:
        channel = await connection.channel(publisher_confirms=True, on_return_raises=True)
        channel.close_callbacks.add(lambda *_: lost.set())
        channel.close_callbacks.add(lambda *_: self.on_returned())
        return channel

    async def _watch(self, connection: AbstractConnection) -> None:
        """Note whether the broker blocks this connection, until cancelled.

        The broker notifies only connections that publish; aiormq does not report it, but its
        `ready` waits while the connection is blocked.
        """
        wire = connection.transport.connection if connection.transport else None
        while wire is not None:
            try:
                async with asyncio.timeout(BLOCKED_AFTER_S):
                    await wire.ready()
                self._set_blocked(blocked=False)
            except TimeoutError:
                self._set_blocked(blocked=True)
            await asyncio.sleep(LOOK_EVERY_S)

    def _set_blocked(self, *, blocked: bool) -> None:
        if blocked and not self.blocked:
            log.error("broker.blocked", error=f"the broker has {ALARM}", remedy=ALARM_REMEDY)
        elif self.blocked and not blocked:
            log.info("broker.unblocked")
        self.blocked = blocked
        self._blocked_gauge.set(blocked)

    async def retry(self, deliveries: Sequence[Delivery], delay_ms: int) -> None:
        """See `ports.Queues`."""
        await self._publish(_sealed(deliveries), self._names.tier(delay_ms))

    async def revive(self, delivery: Delivery) -> None:
        """See `management.ports.RevivalQueue`."""
        await self._publish(_sealed([delivery]), self._names.deliveries)

    async def dead_letter(self, letters: Sequence[DeadLetter]) -> None:
        """See `ports.Queues`."""
        headers: Headers = {
            "x-switchhook-delivery": letters[0].delivery.delivery_id,
            "x-switchhook-deliveries": len(letters),
            "x-switchhook-reason": letters[0].reason.value,
        }
        await self._publish(Outgoing(seal_letters(letters), headers), self._names.dead)

    async def reject(self, incoming: Incoming, reason: RejectReason, detail: str) -> None:
        """See `ports.Queues`."""
        message = Message(
            incoming.body,
            content_encoding=(incoming.content_encoding or "")[:LONGEST_ENCODING] or None,
            delivery_mode=DeliveryMode.PERSISTENT,
            headers={
                "x-switchhook-reason": reason.value,
                "x-switchhook-detail": detail[:LONGEST_HEADER],
                "x-switchhook-exchange": incoming.exchange,
                "x-switchhook-routing-key": incoming.routing_key,
            },
        )
        await self._publish(message, self._names.rejected)

    async def announce(self, exchange: str, routing_key: str, body: Mapping[str, Any]) -> None:
        """See `ports.Announcer`."""
        try:
            async with asyncio.timeout(self._timeout_s):
                await self._ready.wait()
                await self._announce(exchange, routing_key, orjson.dumps(body))
        except BROKER_ERRORS as error:
            where = {"exchange": exchange, "routing_key": routing_key}
            log.warning("announcement.unsaid", **where, error=describe(error))

    async def _announce(self, exchange: str, routing_key: str, body: bytes) -> None:
        """Publish on a separate channel: the broker closes it if it refuses the exchange."""
        if self._connection is None:
            return
        channel = await self._connection.channel()
        theirs = await channel.get_exchange(exchange, ensure=False)
        message = Message(body, content_type="application/json")
        await theirs.publish(message, routing_key, mandatory=False)
        await channel.close()

    async def _publish(self, message: Outgoing | Message, queue: str) -> None:
        """Return once the broker has stored the message.

        Raises BrokerUnavailable if it did not, or if the outcome is unknown. The caller cannot set
        the AMQP message id: each publish needs a new one, which identifies a returned publish.
        """
        began = time.perf_counter()
        try:
            if self._own is not None and isinstance(message, Outgoing):
                await self._own.publish(message, queue)
            else:
                async with asyncio.timeout(self._timeout_s):
                    await self._ready.wait()
                    await self._publish_now(message, queue)
            self._duration.observe(time.perf_counter() - began)
        except PublishError as error:
            self.on_returned()
            raise BrokerUnavailable(f"queue {queue} does not exist, or is not bound") from error
        except BROKER_ERRORS as error:
            raise unavailable(error) from error
        except asyncio.CancelledError as error:
            honour_cancellation()
            # aiormq cancels publishes that wait on a connection that it finds dead.
            raise BrokerUnavailable("the connection was lost; the outcome is unknown") from error

    async def _publish_now(self, message: Outgoing | Message, queue: str) -> None:
        own, foreign = self._own, self._foreign
        if own is None or foreign is None:
            raise BrokerUnavailable("the connection was just lost")
        if isinstance(message, Outgoing):
            await own.publish(message, queue)
        else:
            exchange = await foreign.get_exchange(self._names.exchange, ensure=False)
            await exchange.publish(message, queue, mandatory=True)


def _sealed(deliveries: Sequence[Delivery]) -> Outgoing:
    first = deliveries[0]
    headers: Headers = {
        "x-switchhook-delivery": first.delivery_id,
        "x-switchhook-deliveries": len(deliveries),
        "x-switchhook-attempts": len(first.past),
    }
    return Outgoing(seal(deliveries), headers)
