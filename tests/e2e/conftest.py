"""What starts a service for a whole module of tests."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from service.dev.servers import MongoServer, RabbitServer
from tests.conftest import add_vhosts
from tests.e2e.stage import LOCAL, QUICK, UNHURRIED, NewStage, Stage, running_stage


@pytest.fixture(scope="session")
def new_stage(
    broker: RabbitServer, store: MongoServer, directory: Path, numbers: Iterator[int]
) -> NewStage:
    """Start a service with a virtual host and a database of its own; settings may be given."""

    @asynccontextmanager
    async def start(**more: str) -> AsyncIterator[Stage]:
        name = f"stage{next(numbers)}"
        await add_vhosts(broker, [name])
        own = {
            "SWITCHHOOK_AMQP__URL": f"{broker.url}{name}",
            "SWITCHHOOK_MONGO__URL": store.url,
            "SWITCHHOOK_MONGO__DATABASE": name,
        }
        settings = {**LOCAL, **QUICK, **UNHURRIED, **own, **more}
        async with running_stage(directory / name, settings) as stage:
            yield stage

    return start


@pytest.fixture(scope="session")
async def stage(new_stage: NewStage) -> AsyncIterator[Stage]:
    """A service that many tests share: each of them works with accounts of its own."""
    async with new_stage() as running:
        yield running
