"""The work of a lane of requests: the switch's services ask, and expect a reply in time.

A request is acknowledged once what it leads to is stored, however late; the reply says whether that
was in time.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from service.dialects.dialect import Dialect
from service.dialects.rpc import RpcResult, RpcServer
from service.documents.webhook import webhook_of
from service.domain.delivery import Delivery
from service.domain.event import Event
from service.domain.reply import Reply
from service.domain.trace import new_traceparent
from service.domain.webhook import account_of
from service.pipeline.events import Arrival, delivery_for
from service.pipeline.progress import Progress
from service.pipeline.recovery.availability import Availability
from service.pipeline.request.versions import Snapshot
from service.ports import Incoming, Queues, SwitchBus
from service.text.json_text import write_json


@dataclass(frozen=True, slots=True)
class RpcWork:
    """Settles a request: stores what it leads to, and replies once."""

    dialect: Dialect
    server: RpcServer
    bus: SwitchBus
    queues: Queues
    availability: Availability
    clock: Callable[[], float] = time.time

    async def __call__(self, incoming: Incoming, progress: Progress) -> None:
        """Reply in time, and return when everything is stored."""
        progress.begun = True
        result = self.server.result(incoming.body)
        async with asyncio.TaskGroup() as tasks:
            storing = tasks.create_task(self._store(result, incoming), name="store a request")
            done, _ = await asyncio.wait([storing], timeout=self.server.reply_within_s)
            if not (done and storing.exception()):
                body = result.reply if done else result.late_reply
                await self.bus.reply(
                    Reply("", incoming.reply_to or "", body, incoming.correlation_id)
                )

    async def _store(self, result: RpcResult, incoming: Incoming) -> None:
        for publication in result.publications:
            await self.availability.until_confirmed(partial(self.bus.publish, publication))
        if result.event is not None:
            delivery = self._delivery(result.event, incoming)
            await self.availability.until_confirmed(lambda: self.queues.revive(delivery))

    def _delivery(self, event: Event, incoming: Incoming) -> Delivery:
        """Return the delivery of an event to the webhook that it carries."""
        webhook = webhook_of(event.webhook or {}, event.source)
        payload = self.dialect.requests.payload(event, account_of(webhook.account_id))
        traceparent = incoming.traceparent or new_traceparent()
        arrival = Arrival(self.clock(), traceparent, incoming.redelivered)
        version = self.dialect.schema_version(event.hook)
        snapshot = Snapshot(payload, write_json(payload), version)
        return delivery_for(event, webhook, arrival, snapshot)
