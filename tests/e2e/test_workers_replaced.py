"""SIGHUP replaces the workers one after the other, under load, and reads the settings anew."""

import os
import signal
from collections import Counter
from pathlib import Path

import pytest

from service.dev.receiver import Receiver, ScriptedAnswer
from tests.e2e.harness import calls_told, eventually, has_logged, logged, metric
from tests.e2e.workers import CONSUMED, StartWorkers, load, pids

READY = "broker.consuming"


@pytest.mark.usefixtures("webhook")
async def test_a_rolling_restart_under_load_delivers_every_event_exactly_once(
    start_workers: StartWorkers, settings: dict[str, str], receiver: Receiver
) -> None:
    receiver.script("/hook", ScriptedAnswer(delay_s=0.05))
    service = await start_workers()
    before = pids(service)
    async with load(settings) as published:
        await receiver.until(lambda: len(receiver.requests) > 50, 20)
        os.kill(service.pid, signal.SIGHUP)
        await eventually(lambda: has_logged(service, "workers.replaced"), 60, "the rolling restart")
        replaced_at = len(published)
        await receiver.until(lambda: len(receiver.requests) > replaced_at + 50, 20)
    await receiver.until(lambda: calls_told(receiver) >= set(published), 30)
    ids = Counter(request.delivery_id for request in receiver.requests)
    assert [count for count in ids.values() if count > 1] == []
    assert len(receiver.requests) == len(published)
    after = pids(service)
    assert set(after.values()).isdisjoint(before.values())
    course = logged(service, "service.stopping", "worker.ended", "worker.started", READY)
    assert [(line["event"], line["worker"]) for line in course[-8:]] == [
        (event, worker)
        for worker in (1, 2)
        for event in ("service.stopping", "worker.ended", "worker.started", READY)
    ]
    assert (await service.get("/healthz"))[0] == 200
    metrics = await service.metrics()
    assert metric(metrics, "switchhook_worker_restarts_total") == 0
    assert metric(metrics, CONSUMED) == len(published)


async def test_a_rolling_restart_is_refused_where_the_settings_have_become_unusable(
    start_workers: StartWorkers, tmp_path: Path
) -> None:
    file = tmp_path / "switchhook.yaml"
    file.write_text("amqp: {prefetch: 10}\n")
    service = await start_workers(SWITCHHOOK_CONFIG=str(file))
    before = pids(service)
    file.write_text("amqp: {prefetch: many}\n")
    os.kill(service.pid, signal.SIGHUP)
    await eventually(lambda: has_logged(service, "workers.not_replaced"), what="the refusal")
    (line,) = logged(service, "workers.not_replaced")
    assert "amqp.prefetch" in line["problems"][0]
    assert pids(service) == before
    assert (await service.get("/readyz"))[0] == 200
