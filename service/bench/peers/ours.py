"""Adapter for Switchhook itself: one worker, events published to its queue as the switch does."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
from aiormq.exceptions import AMQPError
from pymongo import AsyncMongoClient

from service.bench.measurements.fairness import SETTINGS
from service.bench.peers.events import Event
from service.bench.setting.load import EventsQueue, events_queue
from service.bench.setting.seed import webhook
from service.dev.process import ServiceProcess
from service.dev.rabbit_server import RabbitServer
from service.dev.servers import MongoServer, Server
from service.domain.errors import SwitchhookError

DATABASE = "switchhook"


class Ours:
    """See `Peer`."""

    name = "Switchhook"

    def __init__(self, directory: Path) -> None:
        self._broker = RabbitServer(directory / "rabbitmq")
        self._store = MongoServer(directory / "mongod")
        service = ServiceProcess(directory / "service", _settings(self._broker, self._store))
        self.servers: Sequence[Server] = (self._broker, self._store, service)
        self._queue: EventsQueue | None = None

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """See `Peer`."""
        async with events_queue(self._broker.url) as self._queue:
            yield

    async def subscribe(self, endpoints: Mapping[str, str], *, ordered: bool = False) -> None:
        """See `Peer`; the accounts must be new, so that the service reads them from the store."""
        order = {"ordering": "call_strict"} if ordered else {}
        made = [webhook(account_id, url) | order for account_id, url in endpoints.items()]
        async with AsyncMongoClient[Mapping[str, Any]](self._store.url) as client:
            await client[DATABASE]["webhooks"].insert_many(made)

    async def publish(self, event: Event) -> None:
        """See `Peer`."""
        if self._queue is None:
            raise SwitchhookError("not opened")
        try:
            await self._queue.publish_body(orjson.dumps(event.body()))
        except AMQPError as error:
            raise SwitchhookError(f"not confirmed: {error!r}") from error


def _settings(broker: RabbitServer, store: MongoServer) -> Mapping[str, str]:
    return {
        "SWITCHHOOK_AMQP__URL": broker.url,
        "SWITCHHOOK_MONGO__URL": store.url,
        "SWITCHHOOK_MONGO__DATABASE": DATABASE,
        "SWITCHHOOK_EGRESS__ALLOW": '["127.0.0.0/8"]',
        **SETTINGS,
    }
