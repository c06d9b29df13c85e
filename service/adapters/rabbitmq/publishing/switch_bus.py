"""Publishes on the switch's exchanges and to the queues of its services; see `ports.SwitchBus`.

On channels of its own: the broker closes a channel that publishes to an exchange which is missing,
and with it every unconfirmed publish there.
"""

import asyncio

import structlog
from aio_pika import DeliveryMode, Message
from aio_pika.abc import AbstractChannel, AbstractConnection
from aiormq.exceptions import PublishError

from service.adapters.rabbitmq.link import BROKER_ERRORS, describe, unavailable
from service.cancellation import honour_cancellation
from service.domain.errors import BrokerUnavailable
from service.domain.publication import Publication
from service.domain.reply import Reply

REPLY_TIMEOUT_S = 1.0
TEXT = "text/plain"
"""The content type of VoIPBIN's messages, whose bodies are JSON."""

JSON = "application/json"

log = structlog.get_logger(__name__)


class SwitchBus:
    """Publishes over the connection that it was last given."""

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._connection: AbstractConnection | None = None
        self._confirmed: AbstractChannel | None = None
        self._unconfirmed: AbstractChannel | None = None

    def use(self, connection: AbstractConnection | None) -> None:
        """Publish over this connection from now on; None where it was lost."""
        self._connection, self._confirmed, self._unconfirmed = connection, None, None

    async def publish(self, publication: Publication) -> None:
        """See `ports.SwitchBus`."""
        try:
            async with asyncio.timeout(self._timeout_s):
                channel = await self._channel(confirmed=True)
                exchange = await channel.get_exchange(publication.exchange, ensure=False)
                message = Message(publication.body, content_type=TEXT)
                key, wanted = publication.routing_key, publication.wanted
                await exchange.publish(message, key, mandatory=wanted)
        except PublishError as error:
            text = f"exchange {publication.exchange} is not bound to our queue yet"
            raise BrokerUnavailable(text) from error
        except BROKER_ERRORS as error:
            self._confirmed = None
            raise unavailable(error) from error
        except asyncio.CancelledError as error:
            honour_cancellation()
            raise BrokerUnavailable("the connection was lost; the outcome is unknown") from error

    async def reply(self, reply: Reply) -> bool:
        """See `ports.SwitchBus`. Nobody is told that a queue is gone: its owner is, too."""
        if not reply.routing_key:
            return False
        try:
            async with asyncio.timeout(REPLY_TIMEOUT_S):
                channel = await self._channel(confirmed=False)
                message = Message(
                    reply.body,
                    content_type=TEXT if not reply.exchange else JSON,
                    delivery_mode=DeliveryMode.NOT_PERSISTENT,
                    correlation_id=reply.correlation_id,
                    headers=dict(reply.headers or {}),
                )
                exchange = channel.default_exchange
                if reply.exchange:
                    exchange = await channel.get_exchange(reply.exchange, ensure=False)
                await exchange.publish(message, reply.routing_key, mandatory=False)
                return True
        except (*BROKER_ERRORS, BrokerUnavailable) as error:
            self._unconfirmed = None
            log.warning("reply.lost", reply_to=reply.routing_key[:80], error=describe(error))
        except asyncio.CancelledError:
            honour_cancellation()
            self._unconfirmed = None
        return False

    async def _channel(self, *, confirmed: bool) -> AbstractChannel:
        """Return the channel with or without confirms, opened when first needed."""
        connection, known = self._connection, self._confirmed if confirmed else self._unconfirmed
        if connection is None:
            raise BrokerUnavailable("not connected")
        if known is not None and not known.is_closed:
            return known
        opened = await connection.channel(publisher_confirms=confirmed, on_return_raises=confirmed)
        if confirmed:
            self._confirmed = opened
        else:
            self._unconfirmed = opened
        return opened
