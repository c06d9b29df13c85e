"""Workers that are killed, or stopped in any way: nothing is lost, and nothing stays behind."""

import asyncio
import os
import signal
from pathlib import Path

import pytest

from service.dev.receiver import Receiver, ScriptedAnswer
from tests.conftest import Documents
from tests.e2e.harness import calls_told, depth, eventually, has_logged, logged, metric
from tests.e2e.workers import (
    SUCCEEDED,
    StartWorkers,
    alive,
    in_hand,
    load,
    pids,
    publish,
    until_gone,
    until_status,
)

EVENTS = "switchhook.events"


@pytest.mark.usefixtures("webhook")
async def test_kill_9_of_one_worker_loses_nothing_and_it_comes_back(
    start_workers: StartWorkers, settings: dict[str, str], receiver: Receiver
) -> None:
    receiver.script("/hook", ScriptedAnswer(delay_s=0.2))
    service = await start_workers()
    before = pids(service)
    async with load(settings) as published:
        await receiver.until(lambda: len(receiver.requests) > 100, 20)
        os.kill(before[1], signal.SIGKILL)
        await eventually(lambda: has_logged(service, "worker.died"), what="the report")
        await until_status(service, "/readyz", 200)
    await receiver.until(lambda: calls_told(receiver) >= set(published), 30)
    after = pids(service)
    assert after[1] != before[1]
    assert after[2] == before[2]
    (died,) = logged(service, "worker.died")
    assert (died["worker"], died["signal"]) == (1, "SIGKILL")
    await eventually(lambda: in_hand(service, 0), what="the end of the work")
    metrics = await service.metrics()
    assert metric(metrics, "switchhook_worker_restarts_total") == 1
    assert metric(metrics, "switchhook_workers") == 2
    assert metric(metrics, SUCCEEDED) >= len(published), "what the killed worker counted, too"


@pytest.mark.parametrize("how", ["kill", "systemctl stop", "Ctrl-C"])
@pytest.mark.usefixtures("webhook")
async def test_being_stopped_finishes_what_is_in_flight(
    how: str,
    start_workers: StartWorkers,
    settings: dict[str, str],
    database: Documents,
    receiver: Receiver,
    scratch: Path,
) -> None:
    receiver.script("/hook", ScriptedAnswer(delay_s=1))
    service = await start_workers()
    workers = set(pids(service).values())
    await publish(settings, 20)
    await receiver.until(lambda: len(receiver.requests) == 20, 10)
    _stop(how, service.pid, workers)
    assert await service.wait() == 0
    assert alive(workers) == set()
    assert left_in(scratch) == []
    assert await depth(settings["SWITCHHOOK_AMQP__URL"], EVENTS) == 0
    assert await database["attempts"].count_documents({"outcome": "succeeded"}) == 20
    assert len(receiver.requests) == 20


def _stop(how: str, supervisor: int, workers: set[int]) -> None:
    """Send what each of them sends: systemd to every process, a terminal to the process group."""
    if how == "Ctrl-C":
        os.killpg(supervisor, signal.SIGINT)
        return
    for pid in [supervisor, *workers] if how == "systemctl stop" else [supervisor]:
        os.kill(pid, signal.SIGTERM)


@pytest.mark.usefixtures("webhook")
async def test_a_second_signal_ends_everything_at_once(
    start_workers: StartWorkers, settings: dict[str, str], receiver: Receiver, scratch: Path
) -> None:
    receiver.script("/hook", ScriptedAnswer(delay_s=20))
    service = await start_workers(SWITCHHOOK_HTTP__TOTAL_TIMEOUT_S="20")
    workers = set(pids(service).values())
    await publish(settings, 2)
    await receiver.until(lambda: len(receiver.requests) == 2, 10)
    await eventually(lambda: in_hand(service, 2), what="the sum of both workers")
    os.kill(service.pid, signal.SIGINT)
    await eventually(lambda: has_logged(service, "supervisor.stopping"), what="the first signal")
    os.kill(service.pid, signal.SIGTERM)
    async with asyncio.timeout(2):
        assert await service.wait() == 1
    await until_gone(workers, 2)
    assert left_in(scratch) == []
    # What was in flight is with the broker again.

    async def handed_back() -> bool:
        return await depth(settings["SWITCHHOOK_AMQP__URL"], EVENTS) == 2

    await eventually(handed_back, what="the return of the events")


@pytest.mark.usefixtures("webhook")
async def test_workers_do_not_outlive_a_supervisor_that_is_killed_but_finish_their_work(
    start_workers: StartWorkers, settings: dict[str, str], receiver: Receiver
) -> None:
    receiver.script("/hook", ScriptedAnswer(delay_s=1))
    service = await start_workers()
    workers = set(pids(service).values())
    await publish(settings, 10)
    await receiver.until(lambda: len(receiver.requests) == 10, 10)
    os.kill(service.pid, signal.SIGKILL)
    await until_gone(workers, 8)
    assert len(logged(service, "worker.orphaned")) == 2
    assert await depth(settings["SWITCHHOOK_AMQP__URL"], EVENTS) == 0


def left_in(directory: Path) -> list[Path]:
    return list(directory.iterdir())
