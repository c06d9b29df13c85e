"""A service that the tests of a module share: own virtual host, own database, any account."""

import itertools
import uuid
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import aiohttp
from pymongo import AsyncMongoClient

from service.dev.process import ServiceProcess
from service.dev.servers import HOST
from tests.api_client import Client, make_token
from tests.conftest import Documents
from tests.e2e.harness import call_event, eventually, switch
from tests.forking.client import ForkedService

QUICK = {"SWITCHHOOK_RETRY__SCHEDULE": "[0.3, 0.9]", "SWITCHHOOK_RETRY__JITTER": "0"}
UNHURRIED = {"SWITCHHOOK_API__RATE_PER_S": "100000", "SWITCHHOOK_API__BURST": "100000"}
LOCAL = {"SWITCHHOOK_EGRESS__ALLOW": '["127.0.0.0/8"]'}


@dataclass
class SharedService:
    """Everything a test of the API needs; accounts are made up, so tests do not meet."""

    service: ServiceProcess
    settings: Mapping[str, str]
    database: Documents
    session: aiohttp.ClientSession
    directory: Path
    stack: AsyncExitStack
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(2))

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.service.port}"

    @property
    def amqp_url(self) -> str:
        return self.settings["SWITCHHOOK_AMQP__URL"]

    def client(self, token: str | None, account_id: str, service: ServiceProcess) -> Client:
        return Client(self.session, f"http://{HOST}:{service.port}", token, account_id)

    async def tenant(self, account_id: str | None = None, **rights: Any) -> Client:
        """Return a client of an account, which nobody used before unless it is given."""
        account_id = account_id or new_account()
        token = await make_token(self.database, account_id, **rights)
        return self.client(token, account_id, self.service)

    async def superuser(self, account_id: str, **rights: Any) -> Client:
        token = await make_token(self.database, None, **rights)
        return self.client(token, account_id, self.service)

    async def call(self, account_id: str, *call_ids: str, hook: str = "channel_create") -> None:
        """Have calls happen in an account."""
        async with switch(self.amqp_url) as kazoo:
            for call_id in call_ids:
                await kazoo.publish(call_event(call_id, hook, account_id))

    async def another_worker(self) -> ServiceProcess:
        """Start a second process on the same broker and store."""
        worker = ForkedService(self.directory / f"worker{next(self.numbers)}", self.settings)
        self.stack.push_async_callback(worker.stop)
        await worker.start()
        return worker


class StartShared(Protocol):
    def __call__(self, **settings: str) -> AbstractAsyncContextManager[SharedService]: ...


def new_account() -> str:
    return uuid.uuid4().hex


async def attempts_of(
    api: Client, count: int, path: str = "webhooks/attempts", **query: Any
) -> Any:
    """Return the attempts in the log as soon as there are so many."""

    async def enough() -> list[Any]:
        found: list[Any] = (await api.get(path, **query)).data
        return found if len(found) >= count else []

    found = await eventually(enough, what=f"{count} attempts")
    assert len(found) == count, found
    return found


@asynccontextmanager
async def running_stage(
    directory: Path, settings: Mapping[str, str]
) -> AsyncIterator[SharedService]:
    """Start the service with these settings, broker, store and database among them."""
    async with AsyncExitStack() as stack:
        url, name = settings["SWITCHHOOK_MONGO__URL"], settings["SWITCHHOOK_MONGO__DATABASE"]
        client = await stack.enter_async_context(
            AsyncMongoClient[Mapping[str, Any]](url, tz_aware=True)
        )
        stack.push_async_callback(client.drop_database, name)
        session = await stack.enter_async_context(aiohttp.ClientSession())
        service = ForkedService(directory / "worker1", settings)
        stack.push_async_callback(service.stop)
        await service.start()
        yield SharedService(service, settings, client[name], session, directory, stack)
