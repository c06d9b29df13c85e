"""Servers that may be killed, a rig per fault, and the table at the end."""

import itertools
import random
import secrets
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from pymongo import AsyncMongoClient

from service.dev.rabbit_server import RabbitServer
from service.dev.servers import MongoServer
from tests.chaos.report import Row, as_markdown, as_text
from tests.chaos.rig import Rig
from tests.chaos.sink import Sink
from tests.conftest import add_vhosts

ROWS = pytest.StashKey[list[Row]]()
SEED = pytest.StashKey[str]()
VHOSTS = 60


def pytest_addoption(parser: pytest.Parser) -> None:
    """Known where this directory is named on the command line."""
    parser.addoption("--chaos-report", help="write the table to this file, as Markdown")
    parser.addoption("--chaos-seed", help="repeat a run's random choices")
    parser.addoption("--chaos-full", action="store_true", help="faults in full length and size")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[ROWS] = []
    config.stash[SEED] = config.getoption("--chaos-seed", None) or secrets.token_hex(4)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Here servers are killed, and PyMongo leaves the sockets to a dead one to the collector."""
    left = "ignore:Exception ignored in.*socket:pytest.PytestUnraisableExceptionWarning"
    for item in items:
        if item.path.parent == Path(__file__).parent:
            item.add_marker(pytest.mark.filterwarnings(left))


def pytest_runtest_teardown(item: pytest.Item) -> None:
    """Write what there is: a long run that is cut short leaves its rows."""
    rows, report = item.config.stash[ROWS], item.config.getoption("--chaos-report", None)
    if rows and report:
        path = Path(report)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(as_markdown(rows, item.config.stash[SEED]), "utf-8")


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    rows = config.stash[ROWS]
    if not rows:
        return
    terminalreporter.section(f"chaos, seed {config.stash[SEED]}")
    terminalreporter.write_line(as_text(rows))


@pytest.fixture(scope="session")
def full(request: pytest.FixtureRequest) -> bool:
    """Whether faults are to have their full length and size."""
    return bool(request.config.getoption("--chaos-full", False))


@pytest.fixture(scope="session")
async def chaos_broker(directory: Path) -> AsyncIterator[RabbitServer]:
    """A broker that may be killed."""
    async with RabbitServer(directory / "chaos-rabbitmq") as server:
        await add_vhosts(server, [f"chaos{n}" for n in range(VHOSTS)])
        yield server


@pytest.fixture(scope="session")
async def chaos_store(directory: Path) -> AsyncIterator[MongoServer]:
    """A store that may be killed."""
    async with MongoServer(directory / "chaos-mongod") as server:
        yield server


@pytest.fixture(scope="session")
def stages() -> Iterator[int]:
    return itertools.count()


@pytest.fixture
async def rig(
    chaos_broker: RabbitServer,
    chaos_store: MongoServer,
    stages: Iterator[int],
    tmp_path: Path,
    request: pytest.FixtureRequest,
    full: bool,
) -> AsyncIterator[Rig]:
    """A stage that nobody used before."""
    name = f"chaos{next(stages)}"
    rng = random.Random(f"{request.config.stash[SEED]} {request.node.name}")
    async with AsyncExitStack() as stack:
        client = AsyncMongoClient[Mapping[str, Any]](chaos_store.url, tz_aware=True)
        await stack.enter_async_context(client)
        sink = await stack.enter_async_context(Sink())
        rows = request.config.stash[ROWS]
        yield Rig(
            stack, tmp_path, chaos_broker, chaos_store, name, client[name], sink, rng, rows,
            full=full,
        )  # fmt: skip
