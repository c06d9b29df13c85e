"""Outbox: publishes to our own queues by our own frames, or by aio-pika's `publish`."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

import structlog
from aio_pika import DeliveryMode, Message
from aio_pika.abc import AbstractChannel, AbstractExchange
from prometheus_client import Gauge

from service.adapters.rabbitmq.publishing.confirms import Confirms
from service.adapters.rabbitmq.publishing.frames import JSON, Outgoing
from service.cancellation import honour_cancellation

TRY_FOR_S = 5.0

log = structlog.get_logger(__name__)


class Outbox(Protocol):
    """Publishing with confirms on one channel; see `Confirms`."""

    def publish(self, message: Outgoing, queue: str) -> Awaitable[None]:
        """Wait until the broker has stored the message."""

    async def keep_writing(self) -> None:
        """Write until cancelled."""

    def close(self) -> None:
        """Fail all unconfirmed publishes: the channel is lost."""


class Documented:
    """Publishes by aio-pika's `Exchange.publish`, at several times the cost."""

    def __init__(self, exchange: AbstractExchange, timeout_s: float) -> None:
        self._exchange = exchange
        self._timeout_s = timeout_s

    async def publish(self, message: Outgoing, queue: str) -> None:
        """See `Outbox`."""
        whole = Message(
            message.body,
            content_type=JSON,
            delivery_mode=DeliveryMode.PERSISTENT,
            headers=dict(message.headers),
        )
        async with asyncio.timeout(self._timeout_s):
            await self._exchange.publish(whole, queue, mandatory=True)

    async def keep_writing(self) -> None:
        """See `Outbox`; waits only, because aiormq writes by itself."""
        await asyncio.Event().wait()

    def close(self) -> None:
        """See `Outbox`; does nothing, because aiormq itself fails unconfirmed publishes."""


async def open_outbox(
    open_channel: Callable[[], Awaitable[AbstractChannel]],
    exchange: str,
    timeout_s: float,
    fast_path: Gauge,
) -> Outbox:
    """Return `Confirms` if the driver works with it, else `Documented`."""
    confirms = await _confirms(await open_channel(), exchange, timeout_s)
    fast_path.set(confirms is not None)
    if confirms is not None:
        return confirms
    log.warning("publisher.slow", error="the AMQP driver does not work with our own frames")
    # On a new channel: the answer to the test may still arrive on the first one.
    channel = await open_channel()
    return Documented(await channel.get_exchange(exchange, ensure=False), timeout_s)


async def _confirms(channel: AbstractChannel, exchange: str, timeout_s: float) -> Confirms | None:
    try:
        confirms = Confirms(await channel.get_underlay_channel(), exchange, timeout_s)
        usable = await confirms.is_usable(TRY_FOR_S)
    except (AttributeError, TypeError, ValueError):
        log.exception("publisher.driver_changed")
        return None
    honour_cancellation()
    return confirms if usable else None
