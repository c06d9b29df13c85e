"""The service is killed, the broker restarted, a queue deleted. Nothing is lost."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiormq.exceptions import AMQPError, ChannelInvalidStateError

from service.dev.rabbit_server import RabbitServer
from service.dev.receiver import Receiver, ScriptedAnswer
from tests.conftest import Documents, StartService
from tests.e2e.harness import (
    BadText,
    call_event,
    depth,
    eventually,
    has_logged,
    metric,
    switch,
    webhook_document,
)

SETTLED_S = 5
"""A quorum queue that was declared for the first time survives a kill only after some seconds."""


@pytest.fixture
async def own_broker(tmp_path: Path) -> AsyncIterator[RabbitServer]:
    """A broker that this test may kill."""
    async with RabbitServer(tmp_path / "rabbitmq") as server:
        yield server


async def test_kill_9_in_the_middle_of_500_events_loses_none(
    start_service: StartService, settings: dict[str, str], database: Documents, receiver: Receiver
) -> None:
    receiver.script("/slow", ScriptedAnswer(200, delay_s=0.3))
    await database["webhooks"].insert_one(webhook_document(receiver.url("/slow")))
    service = await start_service()
    calls = {f"call-{number}" for number in range(500)}
    async with switch(settings["SWITCHHOOK_AMQP__URL"]) as kazoo:
        await asyncio.gather(*(kazoo.publish(call_event(call)) for call in calls))
    await receiver.until(lambda: len(receiver.requests) >= 120, 30)
    await service.kill()
    assert len(_calls(receiver)) < 500, "killed too late to prove anything"
    await service.start()
    await receiver.until(lambda: _calls(receiver).keys() == calls, 60)
    by_call = _calls(receiver)
    assert all(len(ids) == 1 for ids in by_call.values()), "duplicates carry the same webhook-id"
    assert len({next(iter(ids)) for ids in by_call.values()}) == 500
    # At most what the killed process held: its window of events and of deliveries.
    assert len(receiver.requests) - 500 <= 300


def _calls(receiver: Receiver) -> dict[str, set[str]]:
    """Return the delivery ids seen for each call."""
    seen: dict[str, set[str]] = {}
    for request in receiver.requests:
        call = request.body.partition(b'"call_id":"')[2].partition(b'"')[0].decode()
        seen.setdefault(call, set()).add(request.delivery_id)
    return seen


async def test_a_broker_restarted_under_load_comes_back_with_bindings_and_nothing_lost(
    own_broker: RabbitServer,
    start_service: StartService,
    database: Documents,
    receiver: Receiver,
) -> None:
    receiver.script("/hook", ScriptedAnswer(200, delay_s=0.05))
    await database["webhooks"].insert_one(webhook_document(receiver.url("/hook")))
    await start_service(SWITCHHOOK_AMQP__URL=own_broker.url)
    await asyncio.sleep(SETTLED_S)
    accepted: set[str] = set()
    load = asyncio.create_task(_publish_until_cancelled(own_broker.url, accepted))
    await receiver.until(lambda: len(receiver.requests) > 100, 30)
    await own_broker.kill()
    before = len(accepted)
    await own_broker.start()
    # More of them are accepted: the exchange and our bindings are there again.
    await receiver.until(lambda: len(accepted) > before + 100, 60, "events after the restart")
    load.cancel()
    await receiver.until(lambda: accepted <= _calls(receiver).keys(), 30, "every accepted event")
    assert all(len(ids) == 1 for ids in _calls(receiver).values())


async def _publish_until_cancelled(url: str, accepted: set[str]) -> None:
    """Publish as fast as confirms come, noting what the broker says a queue took."""
    number = 0
    while True:
        try:
            async with switch(url) as kazoo:
                while True:
                    number += 1
                    await kazoo.publish(call_event(f"call-{number}"))
                    accepted.add(f"call-{number}")
        except (AMQPError, ChannelInvalidStateError, OSError, TimeoutError):
            await asyncio.sleep(0.1)


@pytest.mark.timeout(400)
async def test_retries_waiting_in_a_tier_survive_a_killed_service_and_a_killed_broker(
    own_broker: RabbitServer, start_service: StartService, database: Documents, receiver: Receiver
) -> None:
    receiver.script("/hook", 503)
    await database["webhooks"].insert_one(webhook_document(receiver.url("/hook"), retries=5))
    service = await start_service(
        SWITCHHOOK_AMQP__URL=own_broker.url,
        SWITCHHOOK_RETRY__SCHEDULE="[8]",
        SWITCHHOOK_RETRY__JITTER="0",
        SWITCHHOOK_BREAKER__FAILURE_COUNT="10000",
        SWITCHHOOK_DISABLE__FAILURE_COUNT="1000",
    )
    await asyncio.sleep(SETTLED_S)
    async with switch(own_broker.url) as kazoo:
        await asyncio.gather(*(kazoo.publish(call_event(f"call-{n}")) for n in range(20)))
    await eventually(lambda: _depth_is(own_broker.url, "switchhook.retry.8s", 20))
    await eventually(lambda: _none_left(own_broker, "switchhook.events"))
    await service.kill()
    receiver.script("/hook", 200)
    waiting = {request.delivery_id for request in receiver.requests}
    assert len(waiting) == 20
    await own_broker.kill()
    await own_broker.start()
    await service.start()

    def retried() -> set[str]:
        return {r.delivery_id for r in receiver.requests if r.attempt > 1 and r.answered == 200}

    # RabbitMQ may hold what expires before the queue it is for is up again, for three minutes.
    await receiver.until(lambda: retried() == waiting, 240, "every retry")


async def _none_left(broker: RabbitServer, queue: str) -> bool:
    """Return whether everything in a queue is acknowledged, by the broker's own count."""
    queues = await broker.control("list_queues", "name", "messages")
    return f"{queue}\t0" in queues.splitlines()


async def _depth_is(amqp_url: str, queue: str, count: int) -> bool:
    return await depth(amqp_url, queue) == count


async def test_a_queue_deleted_under_the_service_is_declared_again(
    start_service: StartService,
    settings: dict[str, str],
    database: Documents,
    receiver: Receiver,
    broker: RabbitServer,
) -> None:
    await database["webhooks"].insert_one(webhook_document(receiver.url("/hook")))
    service = await start_service()
    amqp_url = settings["SWITCHHOOK_AMQP__URL"]
    await broker.control("delete_queue", "-p", amqp_url.rpartition("/")[2], "switchhook.events")
    await eventually(lambda: has_logged(service, "broker.lost"), what="the loss noticed")

    async def ready() -> bool:
        return (await service.get("/readyz"))[0] == 200

    await eventually(ready, what="readiness")
    async with switch(amqp_url) as kazoo:
        await kazoo.publish(call_event("c-1"))
    await receiver.until(lambda: len(receiver.requests) == 1, 10)


async def test_kazoos_real_properties_do_not_kill_the_consumer(
    start_service: StartService, settings: dict[str, str], database: Documents, receiver: Receiver
) -> None:
    await database["webhooks"].insert_one(webhook_document(receiver.url("/hook")))
    service = await start_service()
    hostile: list[dict[str, Any]] = [
        {"headers": {"call-id": "c@example.com"}},
        {"message_id": BadText("x")},
        {"content_type": BadText("x")},
        {"headers": {BadText("key"): "value"}},
        {"headers": {"deep": _nested(400)}},
    ]
    async with switch(settings["SWITCHHOOK_AMQP__URL"]) as kazoo:
        for number, properties in enumerate(hostile):
            await kazoo.publish(call_event(f"call-{number}"), **properties)
    await receiver.until(lambda: len(receiver.requests) == len(hostile), 10)
    assert "broker.lost" not in service.log.read_text()
    metrics = await service.metrics()
    assert metric(metrics, 'switchhook_broker_connected{link="consume"}') == 1


def _nested(depth: int) -> dict[str, object]:
    table: dict[str, object] = {}
    for _ in range(depth):
        table = {"t": table}
    return table
