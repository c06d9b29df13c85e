"""Real servers for the tests: started once, with a virtual host and a database per test."""

import itertools
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
import structlog
from pymongo import AsyncMongoClient
from pymongo.asynchronous.database import AsyncDatabase

from service.adapters.rabbitmq.tolerance import install_tolerant_decoders
from service.dev.process import ServiceProcess
from service.dev.rabbit_server import RabbitServer
from service.dev.receiver import Receiver
from service.dev.servers import MongoServer
from tests.forking.client import ForkedService
from tests.ports import reserve_ports

Documents = AsyncDatabase[Mapping[str, Any]]
StartService = Callable[..., Awaitable[ServiceProcess]]
NewVhost = Callable[[], Awaitable[str]]

VHOSTS_AT_ONCE = 25

reserve_ports()


@pytest.fixture(scope="session")
def directory() -> Iterator[Path]:
    """Everything the servers write; a short path, as the broker's files have long names."""
    with tempfile.TemporaryDirectory(prefix="switchhook-test-") as path:
        yield Path(path)


@pytest.fixture(scope="session")
async def broker(directory: Path) -> AsyncIterator[RabbitServer]:
    async with RabbitServer(directory / "rabbitmq") as server:
        yield server


@pytest.fixture(scope="session")
async def store(directory: Path) -> AsyncIterator[MongoServer]:
    async with MongoServer(directory / "mongod") as server:
        yield server


@pytest.fixture(scope="session")
def numbers() -> Iterator[int]:
    return itertools.count(1)


@pytest.fixture(scope="session")
def new_vhost(broker: RabbitServer, numbers: Iterator[int]) -> NewVhost:
    """Return the address of a virtual host that nobody used before."""
    spare: list[str] = []

    async def new() -> str:
        if not spare:
            spare.extend(f"test{next(numbers)}" for _ in range(VHOSTS_AT_ONCE))
            await add_vhosts(broker, spare)
        return f"{broker.url}{spare.pop()}"

    return new


@pytest.fixture
async def amqp_url(new_vhost: NewVhost) -> str:
    return await new_vhost()


async def add_vhosts(broker: RabbitServer, names: list[str]) -> None:
    """Add virtual hosts in one go: starting the control program takes longer than the work."""
    listed = ",".join(f'<<"{name}">>' for name in names)
    await broker.control(
        "eval",
        f'[begin rabbit_vhost:add(V, <<"tests">>), rabbit_auth_backend_internal:set_permissions('
        f'<<"guest">>, V, <<".*">>, <<".*">>, <<".*">>, <<"tests">>) end || V <- [{listed}]].',
    )


@pytest.fixture
async def database(store: MongoServer, numbers: Iterator[int]) -> AsyncIterator[Documents]:
    async with AsyncMongoClient[Mapping[str, Any]](store.url, tz_aware=True) as client:
        name = f"test{next(numbers)}"
        yield client[name]
        await client.drop_database(name)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver() as running:
        yield running


@pytest.fixture(scope="session", autouse=True)
def _tolerant_decoders() -> None:
    install_tolerant_decoders()


@pytest.fixture(scope="session", autouse=True)
def _plain_tracebacks() -> None:
    """Log errors without the locals of their frames, which rich takes seconds to lay out."""
    *others, _ = structlog.get_config()["processors"]
    plain = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(processors=[*others, plain])


@pytest.fixture
def settings(amqp_url: str, store: MongoServer, database: Documents) -> dict[str, str]:
    """The environment of a service of this test's own; the receiver's address is allowed."""
    return {
        "SWITCHHOOK_AMQP__URL": amqp_url,
        "SWITCHHOOK_MONGO__URL": store.url,
        "SWITCHHOOK_MONGO__DATABASE": database.name,
        "SWITCHHOOK_EGRESS__ALLOW": '["127.0.0.0/8"]',
    }


@pytest.fixture
async def start_service(settings: dict[str, str], tmp_path: Path) -> AsyncIterator[StartService]:
    """Start the service as an operator does; more settings may be given by variable name."""
    async with AsyncExitStack() as stack:
        numbers = itertools.count(1)

        async def start(workers: int = 1, *, shadow: bool = False, **more: str) -> ServiceProcess:
            directory = tmp_path / f"{next(numbers)}"
            service = ForkedService(directory, {**settings, **more}, workers=workers, shadow=shadow)
            stack.push_async_callback(service.stop)
            await service.start()
            return service

        yield start
