"""Rejected messages: their headers, and taking them from their queue."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from aio_pika.abc import AbstractIncomingMessage
from aiormq.exceptions import ChannelNotFoundEntity

from service.adapters.rabbitmq.diagnosis import diagnosis_of
from service.adapters.rabbitmq.link import BROKER_ERRORS, close, connect, unavailable
from service.adapters.rabbitmq.topology.permissions import OURS_ALONE
from service.adapters.rabbitmq.topology.queues import Names
from service.cancellation import honour_cancellation
from service.domain.errors import BrokerUnavailable

REASON, DETAIL = "x-switchhook-reason", "x-switchhook-detail"
EXCHANGE, ROUTING_KEY = "x-switchhook-exchange", "x-switchhook-routing-key"
"""Where the message came from: headers of a rejected message, and of one that is brought back."""
MOST_BYTES = 15_000_000
"""Limit of a body that a document of MongoDB can hold. A larger message stays in the queue."""
WITHIN_S = 10.0

Headers = Mapping[str, Any]
File = Callable[[Mapping[str, Any]], Awaitable[None]]


class RejectedQueue:
    """See `management.ports.RejectedQueue`. Each `take` has a connection of its own."""

    def __init__(self, urls: Sequence[str], names: Names) -> None:
        self._urls = urls
        self._names = names

    async def take(self, file: File, most: int) -> int:
        """See `management.ports.RejectedQueue`; stops after `WITHIN_S` as well."""
        try:
            connection = await connect(self._urls[0], "rejected")
        except BROKER_ERRORS as error:
            found = diagnosis_of(error, self._urls[0], OURS_ALONE)
            raise BrokerUnavailable(found.text, found.remedy) from error
        taken = 0
        try:
            until = asyncio.get_running_loop().time() + WITHIN_S
            channel = await connection.channel(publisher_confirms=False)
            queue = await channel.get_queue(self._names.rejected, ensure=False)
            while taken < most and asyncio.get_running_loop().time() < until:
                message = await queue.get(fail=False, timeout=WITHIN_S)
                if message is None:
                    break
                # A message that is passed over goes back to the queue with the connection.
                if len(message.body) <= MOST_BYTES:
                    await file(document_of(message, self._names))
                    await message.ack()
                    taken += 1
        except ChannelNotFoundEntity:
            return taken  # the queue was not declared yet
        except BROKER_ERRORS as error:
            raise unavailable(error) from error
        except asyncio.CancelledError as error:
            honour_cancellation()
            raise BrokerUnavailable("the connection was lost") from error
        finally:
            await close(connection)
        return taken


def document_of(message: AbstractIncomingMessage, names: Names) -> dict[str, Any]:
    """Return the members of `management.ports.RejectedStore` for a message.

    Each publish of ours has its own message id, so that a message which is taken twice is stored
    once. `queue` is the queue that it was rejected from; None if it cannot be known.
    """
    headers = message.headers
    exchange, routing_key, queue = _origin(headers, names)
    return {
        "_id": message.message_id if REASON in headers and message.message_id else uuid.uuid4().hex,
        "reason": str(headers.get(REASON, "dead_lettered")),
        "detail": str(headers.get(DETAIL, headers.get("x-first-death-reason", ""))),
        "exchange": exchange,
        "routing_key": routing_key,
        "queue": queue,
        "content_encoding": message.content_encoding,
        "body": message.body,
        "size": len(message.body),
    }


def _origin(headers: Headers, names: Names) -> tuple[str, str, str | None]:
    """Return exchange, routing key and queue that a message came from.

    The broker itself dead-letters a message that was delivered too often, with `x-death` alone.
    """
    if EXCHANGE in headers:
        exchange, routing_key = str(headers[EXCHANGE]), str(headers.get(ROUTING_KEY, ""))
        if exchange == names.exchange:
            return exchange, routing_key, routing_key
        return exchange, routing_key, names.events if exchange else None
    deaths = headers.get("x-death")
    death: Headers = deaths[0] if isinstance(deaths, list) and deaths else {}
    keys = death.get("routing-keys") or [""]
    return str(death.get("exchange", "")), str(keys[0]), str(death.get("queue", "")) or None
