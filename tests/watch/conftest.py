"""One service with two workers, its broker's metrics, and a Prometheus; started once."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from pymongo import AsyncMongoClient

from service.dev.process import ServiceProcess
from service.dev.rabbit_server import RabbitServer
from service.dev.receiver import Receiver
from service.dev.servers import HOST, MongoServer
from tests.e2e.harness import ACCOUNT, eventually, webhook_document
from tests.e2e.shared_service import LOCAL, QUICK
from tests.forking.client import switchhook
from tests.watch.monitored import Monitored, PrometheusServer

NAME = "watched"


@pytest.fixture(scope="session")
async def watched_broker(directory: Path) -> AsyncIterator[RabbitServer]:
    async with RabbitServer(directory / "watched-rabbitmq", with_metrics=True) as server:
        yield server


@pytest.fixture(scope="session")
async def slow_receiver() -> AsyncIterator[Receiver]:
    """Takes what comes at `/good`, and refuses what comes at `/bad`."""
    async with Receiver() as running:
        running.script("/bad", 503)
        yield running


@pytest.fixture(scope="session")
async def monitored(
    watched_broker: RabbitServer, store: MongoServer, directory: Path, slow_receiver: Receiver
) -> AsyncIterator[Monitored]:
    settings = {
        **LOCAL,
        **QUICK,
        "SWITCHHOOK_AMQP__URL": watched_broker.url,
        "SWITCHHOOK_MONGO__URL": store.url,
        "SWITCHHOOK_MONGO__DATABASE": NAME,
        "TMPDIR": str(directory),
    }
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(AsyncMongoClient[Mapping[str, Any]](store.url))
        good = webhook_document(slow_receiver.url("/good"), hook="all")
        bad = webhook_document(slow_receiver.url("/bad"), _id="b" * 32, retries=1)
        await client[NAME]["webhooks"].insert_many([good, bad])
        service = ServiceProcess(directory / "watched", settings, workers=2)
        targets = {
            "switchhook:9108": f"{HOST}:{service.metrics_port}",
            "rabbitmq:15692": f"{HOST}:{watched_broker.metrics_port}",
        }
        prometheus = PrometheusServer(directory / "prometheus", targets)
        await stack.enter_async_context(service)
        await stack.enter_async_context(prometheus)
        made = Monitored(service, watched_broker, prometheus, client[NAME], settings)
        await _work(made, settings)
        yield made


async def _work(monitored: Monitored, settings: dict[str, str]) -> None:
    """Have something of everything happen, and wait until Prometheus has seen it."""

    async def seen() -> bool:
        delivered = await monitored.value("sum(switchhook:lane_settled:rate5m)")
        dead_lettered = await monitored.value("sum(switchhook_dead_letters_total)")
        queues = await monitored.prometheus.query(
            'rabbitmq_queue_messages{queue="switchhook.events"}'
        )
        return bool(delivered and dead_lettered and queues)

    await eventually(lambda: monitored.value("switchhook_workers"), 30, "the first scrape")
    code, text = await switchhook("emit", "--all", "--account", ACCOUNT, env=settings)
    assert code == 0, text
    await eventually(seen, 60, "the events in the figures")
