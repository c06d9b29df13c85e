"""What tests of adapters share."""

from collections.abc import AsyncIterator, Iterator

import pytest

from service.adapters.http.sender import HttpSender
from service.adapters.mongo.migration import MongoMigration
from service.adapters.mongo.store import open_database
from service.dev.servers import MongoServer
from service.dialects.kazoo.crossbar.client import CrossbarClient
from service.observability.metrics import Metrics
from tests.conftest import Documents
from tests.crossbar_stand_in import BRANCH, CUSTOMER, MASTER, RESELLER, Crossbar
from tests.integration.broker_parts import new_metrics
from tests.integration.migration_parts import client_of


@pytest.fixture(params=["fast path", "documented way"])
def either_way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Have a sender use the fast path, then the documented way; return whether it is the first."""

    async def unprepared(_: HttpSender) -> None:
        return

    fast = bool(request.param == "fast path")
    if not fast:
        monkeypatch.setattr(HttpSender, "prepare", unprepared)
    return fast


@pytest.fixture
def metrics() -> Metrics:
    return new_metrics()


@pytest.fixture
async def kazoo() -> AsyncIterator[Crossbar]:
    """Four accounts in a line, and three more that fill pages."""
    async with Crossbar() as crossbar:
        crossbar.add_account(MASTER, "Master", reseller="undefined")
        crossbar.add_account(RESELLER, "Reseller", MASTER)
        crossbar.add_account(CUSTOMER, "Customer", MASTER, RESELLER, reseller=RESELLER)
        crossbar.add_account(BRANCH, "Branch", MASTER, RESELLER, CUSTOMER, reseller=RESELLER)
        for number in range(3):
            crossbar.add_account(f"other{number}", f"Other {number}", MASTER, RESELLER)
        yield crossbar


@pytest.fixture
async def client(kazoo: Crossbar) -> AsyncIterator[CrossbarClient]:
    async with client_of(kazoo) as made:
        yield made


@pytest.fixture
def ours(store: MongoServer, database: Documents) -> Iterator[MongoMigration]:
    opened = open_database(store.url, database.name, 5)
    yield MongoMigration(opened)
    opened.client.close()
