"""What goes by PyMongo's asyncio client ends when it is cancelled, at whatever moment that is.

In a round several are cancelled in the same moment, as each has its own place to be at just then.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import pytest

from service.adapters.mongo.bucket_upkeep import BucketUpkeep
from service.adapters.mongo.logs import MongoAttemptLog
from service.adapters.mongo.store import Client, Store, open_client, open_store
from service.adapters.mongo.watch import Watch
from service.dev.servers import MongoServer
from service.observability.metrics import Metrics
from service.pipeline.outcomes import attempt_writer
from service.pipeline.outcomes.attempt_writer import AttemptWriter
from tests.builders import make_attempt
from tests.conftest import Documents

ROUNDS, AT_ONCE, LATER_S = 40, 5, 0.0005


@pytest.fixture
async def client(store: MongoServer) -> AsyncIterator[Client]:
    async with open_client(store.url, 5) as made:
        yield made


async def test_the_watch_can_be_stopped_at_any_moment(client: Client, database: Documents) -> None:
    def ignore(*_: str) -> None:
        """What changes does not matter."""

    def watching() -> Coroutine[Any, Any, None]:
        return Watch(client, database.name, 0.2, *(5 * [ignore])).run()

    await _stop_at_any_moment(watching)


async def test_writing_attempts_can_be_stopped_at_any_moment(
    store: MongoServer,
    client: Client,
    database: Documents,
    metrics: Metrics,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(attempt_writer, "FLUSH_EVERY_S", 0)
    with open_store(store.url, database.name, 5) as ours:

        def writing() -> Coroutine[Any, Any, None]:
            return _writing(ours, client, metrics)

        await _stop_at_any_moment(writing)


async def _writing(store: Store, client: Client, metrics: Metrics) -> None:
    attempt_writer = AttemptWriter(
        MongoAttemptLog(store, client, BucketUpkeep(store, 30)),
        metrics,
        1000,
        record_successes=True,
    )
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(attempt_writer.run())
        while True:
            attempt_writer.add(make_attempt())
            await asyncio.sleep(0.001)


async def _stop_at_any_moment(begin: Callable[[], Coroutine[Any, Any, None]]) -> None:
    for number in range(ROUNDS):
        tasks = [asyncio.create_task(begin()) for _ in range(AT_ONCE)]
        await asyncio.sleep(number * LATER_S)
        for task in tasks:
            task.cancel()
        _, hanging = await asyncio.wait(tasks, timeout=5)
        for task in hanging:
            task.cancel()
        assert not hanging, f"{len(hanging)} of {AT_ONCE} after {number * LATER_S} s"
