"""Several workers under one supervisor: one service to whoever looks."""

import json
import os
import signal
from collections import Counter
from pathlib import Path

import pytest

from service.dev.receiver import Receiver
from service.dev.servers import free_port
from tests.conftest import StartService
from tests.e2e.harness import (
    Unready,
    clash_on_the_broker,
    eventually,
    has_logged,
    logged,
    metric,
)
from tests.e2e.workers import CONSUMED, SUCCEEDED, StartWorkers, pids, publish, until_status
from tests.forking.client import switchhook


@pytest.mark.usefixtures("webhook")
async def test_two_workers_share_the_events_and_their_metrics_are_one(
    start_workers: StartWorkers, settings: dict[str, str], receiver: Receiver
) -> None:
    service = await start_workers()
    await publish(settings, 60)
    await receiver.until(lambda: len(receiver.requests) == 60, 20)
    shares = Counter(line["worker"] for line in logged(service, "attempt.finished"))
    assert set(shares) == {1, 2}, shares

    async def settled() -> bool:
        metrics = await service.metrics()
        remembered = metric(metrics, "switchhook_accounts_remembered")
        return remembered == 1 and metric(metrics, SUCCEEDED) == 60

    await eventually(settled, what="the end of the work")
    metrics = await service.metrics()
    assert metric(metrics, CONSUMED) == 60
    assert metric(metrics, "switchhook_event_to_delivery_seconds_count") == 60
    assert metric(metrics, "switchhook_workers") == 2
    assert metric(metrics, "switchhook_worker_restarts_total") == 0
    assert metric(metrics, "switchhook_store_up") == 1


@pytest.mark.usefixtures("webhook")
async def test_the_metrics_of_workers_have_the_names_and_labels_of_a_single_process(
    start_workers: StartWorkers,
    start_service: StartService,
    settings: dict[str, str],
    receiver: Receiver,
) -> None:
    alone = await start_service()
    await publish(settings, 1)
    await receiver.until(lambda: len(receiver.requests) == 1, 10)
    expected = _series(await alone.metrics())
    await alone.stop()
    service = await start_workers()
    found = _series(await service.metrics())
    assert found - expected == {
        "switchhook_workers",
        "switchhook_worker_restarts_total",
        'switchhook_workers_frozen_total{how="silent"}',
        'switchhook_workers_frozen_total{how="stopped"}',
    }
    assert {name for name in expected - found if not name.startswith("python_gc_")} == set()


def _series(metrics: dict[str, float]) -> set[str]:
    """Return the names and labels, those that tell the time of creation left out."""
    return {name for name in metrics if not name.partition("{")[0].endswith("_created")}


async def test_a_worker_that_is_stopped_is_named_and_killed_and_comes_back(
    start_workers: StartWorkers,
) -> None:
    service = await start_workers()
    stopped = pids(service)[2]
    os.kill(stopped, signal.SIGSTOP)
    status, text = await service.get("/healthz")
    assert status == 503
    checks = json.loads(text)["checks"]
    assert checks["worker_2"] == "does not answer"
    assert checks["worker_1.events"] == "ok"
    await until_status(service, "/healthz", 200)
    (frozen,) = logged(service, "worker.frozen")
    assert (frozen["worker"], frozen["how"], frozen["level"]) == (2, "stopped", "error")
    assert pids(service)[2] != stopped
    metrics = await service.metrics()
    assert metric(metrics, 'switchhook_workers_frozen_total{how="stopped"}') == 1


async def test_unusable_settings_and_a_taken_port_are_found_before_any_worker_starts(
    settings: dict[str, str], receiver: Receiver
) -> None:
    code, text = await switchhook("run", "--workers", "2", env={"SWITCHHOOK_AMQP__PREFETCH": "x"})
    assert code == 2
    assert text.startswith("problem  settings  amqp.prefetch")
    assert len(text.splitlines()) == 1
    port = {"SWITCHHOOK_API__PORT": str(receiver.port)}
    code, text = await switchhook("run", "--workers", "2", env=settings | port)
    assert code == 1
    assert text == f"problem  cannot listen on 127.0.0.1:{receiver.port}: address already in use\n"


async def test_workers_that_die_again_and_again_are_reported(
    settings: dict[str, str], tmp_path: Path
) -> None:
    await clash_on_the_broker(settings["SWITCHHOOK_AMQP__URL"])
    ports = {"SWITCHHOOK_API__PORT": str(free_port())}
    service = Unready(tmp_path, settings | ports, workers=2)
    await service.start()
    try:
        await eventually(lambda: has_logged(service, "worker.keeps_dying"), 60, "the report")
        (line, *_) = logged(service, "worker.keeps_dying")
        assert line["level"] == "error"
        assert line["deaths"] == 3
        assert "x-delivery-limit" in service.log.read_text()
    finally:
        await service.stop()
