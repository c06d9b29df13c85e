"""What an operator sees from outside: health, readiness, metrics, indexes."""

import json
import os
import signal
from datetime import UTC, datetime, timedelta

import pytest

from service.dev.rabbit_server import RabbitServer
from service.dev.receiver import Receiver
from tests.conftest import Documents, StartService
from tests.e2e.harness import (
    ANOTHER,
    another_consumer,
    call_event,
    depth,
    eventually,
    forget_consumers,
    logged,
    metric,
    switch,
    webhook_document,
)


async def test_health_and_readiness_name_what_they_looked_at(start_service: StartService) -> None:
    service = await start_service()
    status, text = await service.get("/healthz")
    assert status == 200
    assert json.loads(text)["checks"] == {
        "events": "ok", "deliveries": "ok", "dead_letters": "ok", "asks": "ok",
    }  # fmt: skip
    status, text = await service.get("/readyz")
    assert status == 200
    assert set(json.loads(text)["checks"]) == {
        "broker_consuming", "broker_publishing", "topology", "bindings", "store",
    }  # fmt: skip


async def test_health_fails_where_messages_wait_and_none_of_them_comes(
    start_service: StartService, settings: dict[str, str], broker: RabbitServer
) -> None:
    service = await start_service(SWITCHHOOK_HEALTH__STALL_S="1")
    url, events = settings["SWITCHHOOK_AMQP__URL"], "switchhook.events"

    async def health_is(status: int) -> str | None:
        found, text = await service.get("/healthz")
        return text if found == status else None

    async with another_consumer(url, events):
        await forget_consumers(broker, url, events, kept=ANOTHER)
        async with switch(url) as kazoo:
            for number in range(3):
                await kazoo.publish(call_event(f"c-{number}"))
        text = await eventually(lambda: health_is(503), what="the failing health check")
        assert "0 messages held, 2 in the queue, none settled for" in text
        assert (await service.metrics())['switchhook_queue_waiting{lane="events"}'] == 2
    # The last one who consumed has gone: the service notices, and takes up its work again.
    await eventually(lambda: health_is(200), what="the recovery")


async def test_the_metrics_of_the_design_are_there_from_the_start(
    start_service: StartService, settings: dict[str, str], database: Documents, receiver: Receiver
) -> None:
    await database["webhooks"].insert_one(webhook_document(receiver.url("/hook")))
    service = await start_service()
    names = {name.partition("{")[0] for name in await service.metrics()}
    assert names >= {
        "switchhook_events_consumed_total",
        "switchhook_events_rejected_total",
        "switchhook_deliveries_total",
        "switchhook_attempts_total",
        "switchhook_attempt_duration_seconds_bucket",
        "switchhook_event_to_delivery_seconds_bucket",
        "switchhook_pool_in_use",
        "switchhook_deferrals_total",
        "switchhook_dead_letters_total",
        "switchhook_attempt_log_dropped_total",
        "switchhook_consumer_unacked",
    }
    async with switch(settings["SWITCHHOOK_AMQP__URL"]) as kazoo:
        await kazoo.publish(call_event("c-1"))
    await receiver.until(lambda: len(receiver.requests) == 1, 10)

    async def counted() -> bool:
        metrics = await service.metrics()
        return metric(metrics, 'switchhook_deliveries_total{outcome="delivered"}') == 1

    await eventually(counted, what="the delivery in the metrics")
    metrics = await service.metrics()
    consumed = 'switchhook_events_consumed_total{hook="channel_create",source="kazoo"}'
    assert metric(metrics, consumed) == 1
    assert metric(metrics, "switchhook_event_to_delivery_seconds_count") == 1
    assert metric(metrics, "switchhook_pool_in_use") == 0
    assert metric(metrics, 'switchhook_fast_path{driver="http"}') == 1


async def test_old_attempts_are_dropped_at_the_start_even_if_the_retention_was_changed(
    start_service: StartService, database: Documents
) -> None:
    """Those of an earlier release, which had one collection, expire by its index."""
    old = {"_id": "1", "started_at": datetime.now(UTC)}
    await database["attempts"].insert_one(old)
    before = datetime.now(UTC) - timedelta(days=5)
    name = f"attempts_{before:%Y%m%d}"
    await database[name].insert_one({"started_at": before})
    service = await start_service(SWITCHHOOK_ATTEMPTS__RETENTION_DAYS="20")
    assert await eventually(lambda: _expiry(database), what="the index") == 20 * 86_400
    assert await database["attempts"].count_documents({}) == 2
    await service.stop()
    await start_service(SWITCHHOOK_ATTEMPTS__RETENTION_DAYS="2")

    async def changed() -> bool:
        return await _expiry(database) == 2 * 86_400

    await eventually(changed, what="the change of the index")
    assert name not in await database.list_collection_names()


async def _expiry(database: Documents) -> int:
    indexes = await database["attempts_earlier"].index_information()
    return int(indexes.get("expire", {}).get("expireAfterSeconds", 0))


@pytest.mark.usefixtures("webhook")
async def test_each_delivery_has_its_line_though_the_process_was_killed(
    start_service: StartService, settings: dict[str, str], receiver: Receiver
) -> None:
    service = await start_service()
    calls = [f"c-{number}" for number in range(320)]
    async with switch(settings["SWITCHHOOK_AMQP__URL"]) as kazoo:
        for call_id in calls[:300]:
            await kazoo.publish(call_event(call_id))
        await receiver.until(lambda: len(receiver.requests) >= 50, 20)
        os.kill(service.pid, signal.SIGSTOP)
        for call_id in calls[300:]:
            await kazoo.publish(call_event(call_id))
        os.kill(service.pid, signal.SIGKILL)
    await service.wait()
    assert len(logged(service, "attempt.finished")) < len(calls)
    await service.start()

    async def all_have_lines() -> bool:
        return {line["call_id"] for line in logged(service, "attempt.finished")} == set(calls)

    await eventually(all_have_lines, what="a line for each call")
    assert await depth(settings["SWITCHHOOK_AMQP__URL"], "switchhook.events") == 0
