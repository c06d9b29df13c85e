"""MongoDB is away: known accounts are served, the events of others are held, and none is lost."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from pymongo import AsyncMongoClient

from service.dev.receiver import Receiver
from service.dev.servers import MongoServer
from tests.conftest import StartService
from tests.e2e.harness import (
    Unready,
    call_event,
    eventually,
    has_logged,
    metric,
    switch,
    webhook_document,
)

DATABASE = "shop"


@pytest.fixture
async def own_store(tmp_path: Path) -> AsyncIterator[MongoServer]:
    """A store that this test may stop."""
    async with MongoServer(tmp_path / "mongod") as server:
        yield server


async def test_while_the_store_is_away_known_accounts_are_served_and_others_are_held(
    own_store: MongoServer,
    start_service: StartService,
    settings: dict[str, str],
    receiver: Receiver,
) -> None:
    stranger = "f" * 32
    async with AsyncMongoClient[dict[str, object]](own_store.url) as client:
        await client[DATABASE]["webhooks"].insert_many(
            [
                webhook_document(receiver.url("/known")),
                webhook_document(receiver.url("/stranger"), _id="b" * 32, account_id=stranger),
            ]
        )
    service = await start_service(
        SWITCHHOOK_MONGO__URL=own_store.url,
        SWITCHHOOK_MONGO__DATABASE=DATABASE,
        SWITCHHOOK_MONGO__TIMEOUT_S="1",
        SWITCHHOOK_CACHE__MAX_AGE_S="1",
    )
    async with switch(settings["SWITCHHOOK_AMQP__URL"]) as kazoo:
        await kazoo.publish(call_event("before"))
        await receiver.until(lambda: len(receiver.at("/known")) == 1, 10)
        os.kill(own_store.pid, signal.SIGSTOP)
        try:
            await asyncio.sleep(1.5)  # long enough for the remembered account to be too old
            await kazoo.publish(call_event("held", account_id=stranger))
            for number in range(20):
                await kazoo.publish(call_event(f"during-{number}"))
            await receiver.until(lambda: len(receiver.at("/known")) == 21, 20)
            assert receiver.at("/stranger") == []
            status, text = await service.get("/readyz")
            assert (status, "does not answer" in text) == (503, True)
        finally:
            os.kill(own_store.pid, signal.SIGCONT)
        await receiver.until(lambda: len(receiver.at("/stranger")) == 1, 20)
    rows = 22

    async def all_written() -> bool:
        async with AsyncMongoClient[dict[str, object]](own_store.url) as client:
            return await client[DATABASE]["attempts"].count_documents({}) == rows

    await eventually(all_written, 20, "the attempts made meanwhile in the log")


async def test_a_service_that_starts_without_its_store_waits_for_it_and_holds_the_events(
    own_store: MongoServer, settings: dict[str, str], receiver: Receiver, tmp_path: Path
) -> None:
    async with AsyncMongoClient[dict[str, object]](own_store.url) as client:
        await client[DATABASE]["webhooks"].insert_one(webhook_document(receiver.url("/hook")))
    await own_store.stop()
    own = {
        "SWITCHHOOK_MONGO__URL": own_store.url,
        "SWITCHHOOK_MONGO__DATABASE": DATABASE,
        "SWITCHHOOK_MONGO__TIMEOUT_S": "1",
    }
    async with Unready(tmp_path / "service", settings | own) as service:
        await eventually(lambda: has_logged(service, "broker.consuming"), what="consuming")
        async with switch(settings["SWITCHHOOK_AMQP__URL"]) as kazoo:
            await kazoo.publish(call_event("c-1"))

        async def held() -> bool:
            unacked = metric(await service.metrics(), 'switchhook_consumer_unacked{lane="events"}')
            return unacked == 1

        await eventually(held, what="the event in the service's hands")
        status, text = await service.get("/readyz")
        assert (status, '"broker_consuming": "ok"' in text) == (503, True), text
        assert receiver.requests == []
        await own_store.start()
        await receiver.until(lambda: len(receiver.requests) == 1, 20)

        async def ready() -> bool:
            return (await service.get("/readyz"))[0] == 200

        await eventually(ready, what="readiness")
