"""Messages that the broker delivered and that are not acknowledged yet."""

from collections.abc import Mapping
from types import MappingProxyType

from pamqp.commands import Basic

from service.adapters.rabbitmq.consuming.acks import Acks
from service.adapters.rabbitmq.rejected import EXCHANGE, ROUTING_KEY
from service.domain.trace import traceparent_in

NO_HEADERS: Mapping[str, object] = MappingProxyType({})
DELIVERY_COUNT = "x-delivery-count"
"""Header that a quorum queue sets on redelivered messages: 1 on the first redelivery."""


class ReceivedMessage:
    """An unacknowledged message; see `ports.Incoming`."""

    __slots__ = (
        "_acks", "_properties", "_tag", "body", "content_encoding", "deliveries", "exchange",
        "redelivered", "routing_key", "traceparent",
    )  # fmt: skip

    def __init__(
        self,
        deliver: Basic.Deliver,
        properties: Basic.Properties,
        body: bytes,
        acks: Acks,
        explained: int = 0,
    ) -> None:
        """`explained` redeliveries have another cause than the death of a worker."""
        self.exchange = deliver.exchange or ""
        self.routing_key = deliver.routing_key or ""
        self.body = body
        self.content_encoding = properties.content_encoding
        headers = properties.headers or NO_HEADERS
        self.traceparent = traceparent_in(headers.get("traceparent"))
        self.redelivered = bool(deliver.redelivered)
        counted = _count(headers.get(DELIVERY_COUNT)) if deliver.redelivered else 0
        self.deliveries = max(0, counted - explained)
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

    async def give_back(self) -> None:
        """Return the message to the front of its queue, for another consumer."""
        await self._acks.give_back(self._tag)


def _count(header: object) -> int:
    """Return the broker's count; a publisher can set the header to anything."""
    return header if isinstance(header, int) and header > 0 else 0
