"""Connections of a command that publishes to the service's own queues."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from service.adapters.rabbitmq.diagnosis import diagnosis_of
from service.adapters.rabbitmq.link import BROKER_ERRORS, close, connect
from service.adapters.rabbitmq.publishing.publisher import Publisher
from service.dialects.known import dialects_of
from service.domain.errors import BrokerUnavailable
from service.observability.metrics import Metrics
from service.settings.model import Settings
from service.wiring.broker import publisher_of
from service.wiring.parts import permissions_of, registry


@asynccontextmanager
async def publishing(settings: Settings) -> AsyncIterator[Publisher]:
    """Yield a publisher over one connection, which is not opened again if it is lost.

    Raises BrokerUnavailable.
    """
    dialects, url = dialects_of(settings), settings.amqp.urls[0]
    publisher = publisher_of(settings, dialects, Metrics(registry(), []))
    try:
        connection = await connect(url, "command")
    except BROKER_ERRORS as error:
        found = diagnosis_of(error, url, permissions_of(settings, dialects))
        raise BrokerUnavailable(found.text, found.remedy) from error
    session = asyncio.create_task(publisher.session(connection), name="publish")
    try:
        yield publisher
    finally:
        session.cancel()
        await asyncio.wait([session])
        await close(connection)
