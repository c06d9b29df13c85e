"""Bus publisher: publishes messages as a switch does, for samples and tests."""

from datetime import UTC, datetime
from types import TracebackType
from typing import Self

import orjson
from aio_pika import ExchangeType
from aio_pika.abc import AbstractChannel, AbstractConnection
from aiormq.abc import AbstractChannel as WireChannel
from pamqp.commands import Basic

from service.adapters.rabbitmq.diagnosis import diagnosis_of
from service.adapters.rabbitmq.link import BROKER_ERRORS, connect
from service.adapters.rabbitmq.topology.permissions import OURS_ALONE, Permissions
from service.dialects.bus_message import BusMessage
from service.domain.errors import BrokerUnavailable

CONFIRM_TIMEOUT_S = 10


class WrittenTimestamp(datetime):
    """A timestamp that is sent as an arbitrary number, not only as unix seconds."""

    written: int

    @classmethod
    def of(cls, number: int) -> Self:
        """Return the timestamp that AMQP encodes as this number."""
        made = cls(1970, 1, 1, tzinfo=UTC)
        made.written = number
        return made

    def timestamp(self) -> float:
        """Return the number that the AMQP codec sends as unix seconds."""
        return self.written


class Bus:
    """A connection that publishes switch messages with confirms."""

    def __init__(self, url: str, needed: Permissions = OURS_ALONE) -> None:
        self._url = url
        self._needed = needed
        self._connection: AbstractConnection | None = None
        self._channel: AbstractChannel | None = None
        self._declared: set[str] = set()

    async def __aenter__(self) -> Self:
        """Connect. Raises BrokerUnavailable."""
        try:
            self._connection = await connect(self._url, "emit")
            self._channel = await self._connection.channel(publisher_confirms=True)
        except BROKER_ERRORS as error:
            raise self._unavailable(error) from error
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the connection."""
        if self._connection is not None:
            await self._connection.close()

    async def publish(self, message: BusMessage) -> None:
        """Publish and wait for the confirm; not mandatory, just as the switch publishes.

        Raises BrokerUnavailable.
        """
        try:
            channel = await self._declared_on(message)
            await channel.basic_publish(
                orjson.dumps(message.body),
                exchange=message.exchange,
                routing_key=message.routing_key,
                properties=Basic.Properties(
                    content_type="application/json",
                    headers=dict(message.headers),
                    timestamp=_written(message.timestamp),
                ),
                timeout=CONFIRM_TIMEOUT_S,
            )
        except BROKER_ERRORS as error:
            raise self._unavailable(error) from error

    def _unavailable(self, error: BaseException) -> BrokerUnavailable:
        diagnosis = diagnosis_of(error, self._url, self._needed)
        return BrokerUnavailable(diagnosis.text, diagnosis.remedy)

    async def _declared_on(self, message: BusMessage) -> WireChannel:
        """Return the channel, after declaring the message's exchange as the switch does."""
        if self._channel is None:
            raise BrokerUnavailable("not connected")
        if message.exchange not in self._declared:
            kind = ExchangeType(message.exchange_type)
            await self._channel.declare_exchange(message.exchange, kind, durable=message.durable)
            self._declared.add(message.exchange)
        return await self._channel.get_underlay_channel()


def _written(timestamp: int | None) -> WrittenTimestamp | None:
    return None if timestamp is None else WrittenTimestamp.of(timestamp)
