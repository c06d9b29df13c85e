"""What starts a service for many tests, or several workers for one."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from service.dev.process import ServiceProcess
from service.dev.receiver import Receiver
from service.dev.servers import MongoServer
from tests.api_client import Client
from tests.conftest import Documents, NewVhost, StartService
from tests.e2e.browser import Browser
from tests.e2e.harness import webhook_document
from tests.e2e.shared_service import (
    LOCAL,
    QUICK,
    UNHURRIED,
    SharedService,
    StartShared,
    running_stage,
)
from tests.e2e.strict import MOST_WEBHOOKS, PUBLIC, SECRET
from tests.e2e.workers import StartWorkers


@pytest.fixture(scope="session")
def new_shared(
    new_vhost: NewVhost, store: MongoServer, directory: Path, numbers: Iterator[int]
) -> StartShared:
    """Start a service with a virtual host and a database of its own; settings may be given."""

    @asynccontextmanager
    async def start(**more: str) -> AsyncIterator[SharedService]:
        name = f"stage{next(numbers)}"
        own = {
            "SWITCHHOOK_AMQP__URL": await new_vhost(),
            "SWITCHHOOK_MONGO__URL": store.url,
            "SWITCHHOOK_MONGO__DATABASE": name,
        }
        settings = {**LOCAL, **QUICK, **UNHURRIED, **own, **more}
        async with running_stage(directory / name, settings) as shared:
            yield shared

    return start


@pytest.fixture(scope="session")
async def shared(new_shared: StartShared) -> AsyncIterator[SharedService]:
    """A service that many tests share: each of them works with accounts of its own."""
    async with new_shared() as running:
        yield running


@pytest.fixture
def scratch(directory: Path, tmp_path: Path) -> Path:
    """Where the supervisor makes its temporary directory: a short path, as it holds sockets."""
    path = directory / str(abs(hash(tmp_path)))[:8]
    path.mkdir()
    return path


@pytest.fixture
async def start_workers(start_service: StartService, scratch: Path) -> StartWorkers:
    async def start(**more: str) -> ServiceProcess:
        return await start_service(workers=2, TMPDIR=str(scratch), **more)

    return start


@pytest.fixture
async def webhook(database: Documents, receiver: Receiver) -> None:
    """One webhook of the account, pointing at the receiver."""
    await database["webhooks"].insert_one(webhook_document(receiver.url("/hook")))


@pytest.fixture(scope="session")
async def strict(new_shared: StartShared) -> AsyncIterator[SharedService]:
    """A service that may dial public addresses only."""
    limits = {"SWITCHHOOK_API__MAX_WEBHOOKS_PER_ACCOUNT": str(MOST_WEBHOOKS)}
    async with new_shared(SWITCHHOOK_EGRESS__ALLOW="[]", **limits) as running:
        yield running


@pytest.fixture
async def api(strict: SharedService) -> AsyncIterator[Client]:
    """An account that has nothing; neither has it afterwards."""
    client = await strict.tenant()
    yield client
    for collection in ("webhooks", "replays"):
        count = await strict.database[collection].count_documents({"account_id": client.account_id})
        assert count == 0, f"something was stored in {collection}"


@pytest.fixture
async def owner(strict: SharedService) -> AsyncIterator[tuple[Client, str]]:
    """An account with one webhook, which is the same afterwards."""
    client = await strict.tenant()
    webhook = await client.create(PUBLIC, secret=SECRET)
    own = {"account_id": client.account_id}
    before = await strict.database["webhooks"].find(own).to_list()
    yield client, webhook["id"]
    assert await strict.database["webhooks"].find(own).to_list() == before


@pytest.fixture
async def browser(shared: SharedService) -> AsyncIterator[Browser]:
    async with aiohttp.ClientSession() as session:
        yield Browser(session, shared.url)


@pytest.fixture
async def tenant(shared: SharedService) -> Client:
    return await shared.tenant()
