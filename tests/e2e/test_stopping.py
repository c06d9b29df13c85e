"""SIGTERM: what is in flight is finished, the rest goes back, nothing is waited for too long."""

import asyncio
import json
import os
import signal
import time
from pathlib import Path

import pytest

from service.dev.process import ServiceProcess
from service.dev.receiver import ReceivedRequest, Receiver, ScriptedAnswer
from service.dev.servers import HOST, free_port
from tests.conftest import Documents, StartService
from tests.e2e.harness import (
    Unready,
    call_event,
    calls_told,
    consumers,
    depth,
    eventually,
    has_logged,
    logged,
    metric,
    switch,
    webhook_document,
)

EVENTS = "switchhook.events"


@pytest.mark.usefixtures("webhook")
async def test_sigterm_finishes_what_is_in_flight_and_hands_the_rest_back(
    start_service: StartService, settings: dict[str, str], receiver: Receiver
) -> None:
    receiver.script("/hook", ScriptedAnswer(200, delay_s=1.0))
    service = await start_service()
    async with switch(settings["SWITCHHOOK_AMQP__URL"]) as kazoo:
        for number in range(10):
            await kazoo.publish(call_event(f"call-{number}"))
        await receiver.until(lambda: len(receiver.requests) == 10, 10)
        os.kill(service.pid, signal.SIGTERM)
        await eventually(lambda: has_logged(service, "service.stopping"), what="the first signal")
        # The broker may still deliver events until it knows of the stop.
        await eventually(lambda: _is_not_consumed(settings), what="the end of the consumer")
        await kazoo.publish(call_event("late"))
    assert await service.wait() == 0
    assert len(receiver.requests) == 10
    await eventually(lambda: _events_are(settings, 1))
    await service.start()
    await receiver.until(lambda: "late" in calls_told(receiver), 10)
    assert len(receiver.requests) == 11, "nothing that was answered is sent again"


@pytest.mark.usefixtures("webhook")
async def test_an_endpoint_that_hangs_is_waited_for_until_the_grace_period_is_over(
    start_service: StartService, settings: dict[str, str], receiver: Receiver
) -> None:
    receiver.script("/hook", ScriptedAnswer(200, delay_s=20), 200)
    service = await start_service(
        SWITCHHOOK_HTTP__TOTAL_TIMEOUT_S="20", SWITCHHOOK_SHUTDOWN__GRACE_S="1"
    )
    await _one_in_flight(settings, receiver)
    started = time.monotonic()
    os.kill(service.pid, signal.SIGTERM)
    assert await service.wait() == 0
    assert 1 <= time.monotonic() - started < 10
    assert await has_logged(service, "service.handing_back")
    await eventually(lambda: _events_are(settings, 1), what="the return of the event")
    await service.start()
    await receiver.until(lambda: len(receiver.requests) == 2, 10)
    first, second = receiver.requests
    assert first.delivery_id == second.delivery_id


@pytest.mark.usefixtures("webhook")
async def test_a_second_sigterm_exits_at_once(
    start_service: StartService, settings: dict[str, str], receiver: Receiver
) -> None:
    receiver.script("/hook", ScriptedAnswer(200, delay_s=4.0))
    service = await start_service()
    await _one_in_flight(settings, receiver)
    os.kill(service.pid, signal.SIGTERM)
    await eventually(lambda: has_logged(service, "service.stopping"), what="the first signal")
    os.kill(service.pid, signal.SIGTERM)
    async with asyncio.timeout(1):
        assert await service.wait() == 1


async def test_an_open_batch_is_sent_at_the_stop(
    start_service: StartService, settings: dict[str, str], database: Documents, receiver: Receiver
) -> None:
    service = await start_service()
    await _open_batch(service, settings, database, receiver)
    started = time.monotonic()
    os.kill(service.pid, signal.SIGTERM)
    assert await service.wait() == 0
    assert time.monotonic() - started < 10
    (request,) = receiver.requests
    assert _calls_in(request) == ["c-1", "c-2", "c-3"]
    await eventually(lambda: _events_are(settings, 0), what="an empty queue")


async def test_a_batch_whose_endpoint_hangs_at_the_stop_is_sent_by_the_next_process(
    start_service: StartService, settings: dict[str, str], database: Documents, receiver: Receiver
) -> None:
    receiver.script("/hook", ScriptedAnswer(200, delay_s=20), 200)
    service = await start_service(
        SWITCHHOOK_HTTP__TOTAL_TIMEOUT_S="20", SWITCHHOOK_SHUTDOWN__GRACE_S="1"
    )
    await _open_batch(service, settings, database, receiver)
    started = time.monotonic()
    os.kill(service.pid, signal.SIGTERM)
    assert await service.wait() == 0
    assert 1 <= time.monotonic() - started < 10
    assert not logged(service, "delivery.bug", "message.bug")
    await eventually(lambda: _events_are(settings, 3), what="the return of the events")
    await database["webhooks"].update_one({}, {"$set": {"batch.within_ms": 300}})
    await service.start()

    def arrived() -> set[str]:
        return {call for request in receiver.requests[1:] for call in _calls_in(request)}

    await receiver.until(lambda: arrived() == {"c-1", "c-2", "c-3"}, 10)


async def test_it_ends_at_once_where_the_broker_was_never_there(
    settings: dict[str, str], tmp_path: Path
) -> None:
    nowhere = {"SWITCHHOOK_AMQP__URL": f"amqp://guest:guest@{HOST}:{free_port()}/"}
    async with Unready(tmp_path / "service", settings | nowhere) as service:
        await eventually(lambda: has_logged(service, "broker.lost"), what="the broker missed")
        os.kill(service.pid, signal.SIGTERM)
        async with asyncio.timeout(5):
            assert await service.wait() == 0


async def _open_batch(
    service: ServiceProcess, settings: dict[str, str], database: Documents, receiver: Receiver
) -> None:
    """Have three events wait for a minute in one batch."""
    batch = {"max": 1000, "within_ms": 60_000}
    await database["webhooks"].insert_one(webhook_document(receiver.url("/hook"), batch=batch))
    async with switch(settings["SWITCHHOOK_AMQP__URL"]) as kazoo:
        for number in (1, 2, 3):
            await kazoo.publish(call_event(f"c-{number}"))

    async def waiting() -> bool:
        return metric(await service.metrics(), "switchhook_deliveries_in_batches") == 3

    await eventually(waiting, what="three deliveries in a batch")
    assert receiver.requests == []


def _calls_in(request: ReceivedRequest) -> list[str]:
    return sorted(item["payload"]["call_id"] for item in json.loads(request.body))


async def _one_in_flight(settings: dict[str, str], receiver: Receiver) -> None:
    async with switch(settings["SWITCHHOOK_AMQP__URL"]) as kazoo:
        await kazoo.publish(call_event("c-1"))
    await receiver.until(lambda: len(receiver.requests) == 1, 10)


async def _is_not_consumed(settings: dict[str, str]) -> bool:
    return await consumers(settings["SWITCHHOOK_AMQP__URL"], EVENTS) == 0


async def _events_are(settings: dict[str, str], count: int) -> bool:
    return await depth(settings["SWITCHHOOK_AMQP__URL"], EVENTS) == count
