"""The template that workers are forked of: it may die, and it is made anew with the code."""

import os
import signal
from pathlib import Path

import pytest

from service.dev.process import ServiceProcess
from service.dev.receiver import Receiver
from tests.e2e.harness import eventually, logged, metric
from tests.e2e.workers import StartWorkers, alive, pids, publish, until_gone, until_status


def template_of(service: ServiceProcess) -> int:
    """Return the process id of the template: the supervisor's child that is no worker."""
    children = Path(f"/proc/{service.pid}/task/{service.pid}/children").read_text().split()
    (template,) = alive({int(pid) for pid in children}) - set(pids(service).values())
    return template


@pytest.mark.usefixtures("webhook")
async def test_workers_outlive_a_template_that_is_killed_and_the_next_death_makes_another(
    start_workers: StartWorkers, settings: dict[str, str], receiver: Receiver
) -> None:
    service = await start_workers()
    template, before = template_of(service), pids(service)
    os.kill(template, signal.SIGKILL)
    await until_gone({template}, 5)
    await publish(settings, 5)
    await receiver.until(lambda: len(receiver.requests) == 5, 10)
    assert alive(set(before.values())) == set(before.values())

    os.kill(before[2], signal.SIGKILL)
    await eventually(lambda: _started(service, 3), what="the start of another worker")
    await until_status(service, "/readyz", 200)
    assert template_of(service) != template
    assert pids(service)[1] == before[1]
    (died,) = logged(service, "worker.died")
    assert died["signal"] == "SIGKILL"
    assert len(logged(service, "template.died")) == 1


async def _started(service: ServiceProcess, times: int) -> bool:
    return len(logged(service, "worker.started")) == times


async def test_replacing_the_workers_makes_another_template(start_workers: StartWorkers) -> None:
    service = await start_workers()
    template = template_of(service)
    os.kill(service.pid, signal.SIGHUP)

    async def replaced() -> bool:
        return bool(logged(service, "workers.replaced"))

    await eventually(replaced, 30, "the replacement")
    assert template_of(service) != template
    assert alive({template}) == set()
    assert metric(await service.metrics(), "switchhook_workers") == 2


async def test_the_template_ends_with_a_supervisor_that_is_killed(
    start_workers: StartWorkers,
) -> None:
    service = await start_workers()
    left = {template_of(service), *pids(service).values()}
    os.kill(service.pid, signal.SIGKILL)
    await until_gone(left, 10)
