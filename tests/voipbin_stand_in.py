"""VoIPBIN's services as the bus sees them: they publish events, and call webhook-manager."""

import asyncio
import json
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractQueue, AbstractRobustConnection

from service.dialects.voipbin.exchanges import envelope
from service.dialects.voipbin.rpc import REQUESTS

CALLER_WAITS_S = 3.0
OPENS_AFTER = 5
"""Failures in a row after which a service's circuit breaker opens."""


class VoipbinServices:
    """Publishes and calls as the services do: transient, without ids, over exclusive queues."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._failed_in_a_row = 0
        self.breaker_opened = 0
        self.connection: AbstractRobustConnection
        self.channel: AbstractChannel

    async def __aenter__(self) -> Self:
        self.connection = await aio_pika.connect_robust(self._url)
        self.channel = await self.connection.channel()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.connection.close()

    async def publish(self, publisher: str, name: str, data: Mapping[str, Any]) -> None:
        """Publish an event on the exchange of a service."""
        exchange = await self.channel.declare_exchange(
            f"bin-manager.{publisher}.event", aio_pika.ExchangeType.FANOUT, durable=True
        )
        body = json.dumps(envelope(name, publisher, data)).encode()
        await exchange.publish(aio_pika.Message(body, content_type="text/plain"), "")

    async def call(self, uri: str, data: Any, method: str = "POST") -> Mapping[str, Any]:
        """Call webhook-manager; a call that is not answered in time counts for the breaker."""
        request = {"uri": uri, "method": method, "publisher": "call-manager", "data": data}
        return await self.call_raw(json.dumps(request).encode())

    async def call_raw(self, body: bytes) -> Mapping[str, Any]:
        """Call webhook-manager with a body of any kind."""
        queue: AbstractQueue = await self.channel.declare_queue(exclusive=True)
        message = aio_pika.Message(body, content_type="text/plain", reply_to=queue.name)
        await self.channel.default_exchange.publish(message, REQUESTS)
        try:
            reply = await self._reply(queue)
        except TimeoutError:
            self._failed_in_a_row += 1
            self.breaker_opened += self._failed_in_a_row == OPENS_AFTER
            return {"status_code": 0}
        finally:
            await queue.delete(if_unused=False, if_empty=False)
        self._failed_in_a_row = 0
        answer: Mapping[str, Any] = json.loads(reply)
        return answer

    async def _reply(self, queue: AbstractQueue) -> bytes:
        async with asyncio.timeout(CALLER_WAITS_S), queue.iterator(no_ack=True) as replies:
            async for reply in replies:
                return reply.body
        raise TimeoutError
