"""Several workers under one supervisor: one service to whoever looks, and nothing is lost."""

import asyncio
import json
import os
import signal
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aio_pika
import pytest

from service.adapters.rabbitmq_topology import Names, queues
from service.dev.process import ServiceProcess
from service.dev.receiver import Answer, Receiver
from service.dev.servers import free_port
from tests.conftest import Documents, StartService
from tests.e2e.harness import call_event, depth, eventually, metric, switch, webhook_document
from tests.e2e.test_command import switchhook

StartWorkers = Callable[..., Awaitable[ServiceProcess]]

CONSUMED = 'switchhook_events_consumed_total{hook="channel_create",source="kazoo"}'
READY = "broker.consuming"
SUCCEEDED = 'switchhook_attempts_total{outcome="succeeded"}'


@pytest.fixture
def scratch(directory: Path, tmp_path: Path) -> Path:
    """Where the supervisor makes its temporary directory: a short path, as it holds sockets."""
    path = directory / str(abs(hash(tmp_path)))[:8]
    path.mkdir()
    return path


@pytest.fixture
async def start_workers(start_service: StartService, scratch: Path) -> StartWorkers:
    async def start(**more: str) -> ServiceProcess:
        return await start_service(workers=2, TMPDIR=str(scratch), **more)

    return start


@pytest.fixture
async def webhook(database: Documents, receiver: Receiver) -> None:
    """One webhook of the account, pointing at the receiver."""
    await database["webhooks"].insert_one(webhook_document(receiver.url("/hook")))


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
    assert found - expected == {"switchhook_workers", "switchhook_worker_restarts_total"}
    assert {name for name in expected - found if not name.startswith("python_gc_")} == set()


@pytest.mark.usefixtures("webhook")
async def test_kill_9_of_one_worker_loses_nothing_and_it_comes_back(
    start_workers: StartWorkers, settings: dict[str, str], receiver: Receiver
) -> None:
    receiver.script("/hook", Answer(delay_s=0.2))
    service = await start_workers()
    before = pids(service)
    async with load(settings) as published:
        await receiver.until(lambda: len(receiver.requests) > 100, 20)
        os.kill(before[1], signal.SIGKILL)
        await until_status(service, "/readyz", 503)
        await until_status(service, "/readyz", 200)
    await receiver.until(lambda: calls(receiver) >= set(published), 30)
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
    receiver.script("/hook", Answer(delay_s=1))
    service = await start_workers()
    workers = set(pids(service).values())
    await publish(settings, 20)
    await receiver.until(lambda: len(receiver.requests) == 20, 10)
    _stop(how, service.pid, workers)
    assert await service.wait() == 0
    assert alive(workers) == set()
    assert left_in(scratch) == []
    assert await depth(settings["SWITCHHOOK_AMQP__URL"], "switchhook.events") == 0
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
    receiver.script("/hook", Answer(delay_s=20))
    service = await start_workers(SWITCHHOOK_HTTP__TOTAL_TIMEOUT_S="20")
    workers = set(pids(service).values())
    await publish(settings, 2)
    await receiver.until(lambda: len(receiver.requests) == 2, 10)
    await eventually(lambda: in_hand(service, 2), what="the sum of both workers")
    os.kill(service.pid, signal.SIGINT)
    await eventually(lambda: seen(service, "supervisor.stopping"), what="the first signal")
    os.kill(service.pid, signal.SIGTERM)
    async with asyncio.timeout(2):
        assert await service.wait() == 1
    await until_gone(workers, 2)
    assert left_in(scratch) == []
    # What was in flight is with the broker again.
    events = "switchhook.events"

    async def handed_back() -> bool:
        return await depth(settings["SWITCHHOOK_AMQP__URL"], events) == 2

    await eventually(handed_back, what="the return of the events")


@pytest.mark.usefixtures("webhook")
async def test_workers_do_not_outlive_a_supervisor_that_is_killed_but_finish_their_work(
    start_workers: StartWorkers, settings: dict[str, str], receiver: Receiver
) -> None:
    receiver.script("/hook", Answer(delay_s=1))
    service = await start_workers()
    workers = set(pids(service).values())
    await publish(settings, 10)
    await receiver.until(lambda: len(receiver.requests) == 10, 10)
    os.kill(service.pid, signal.SIGKILL)
    await until_gone(workers, 8)
    assert len(logged(service, "worker.orphaned")) == 2
    assert await depth(settings["SWITCHHOOK_AMQP__URL"], "switchhook.events") == 0


@pytest.mark.usefixtures("webhook")
async def test_a_rolling_restart_under_load_delivers_every_event_exactly_once(
    start_workers: StartWorkers, settings: dict[str, str], receiver: Receiver
) -> None:
    receiver.script("/hook", Answer(delay_s=0.05))
    service = await start_workers()
    before = pids(service)
    async with load(settings) as published:
        await receiver.until(lambda: len(receiver.requests) > 50, 20)
        os.kill(service.pid, signal.SIGHUP)
        await eventually(lambda: seen(service, "workers.replaced"), 60, "the rolling restart")
        replaced_at = len(published)
        await receiver.until(lambda: len(receiver.requests) > replaced_at + 50, 20)
    await receiver.until(lambda: calls(receiver) >= set(published), 30)
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
    await eventually(lambda: seen(service, "workers.not_replaced"), what="the refusal")
    (line,) = logged(service, "workers.not_replaced")
    assert "amqp.prefetch" in line["problems"][0]
    assert pids(service) == before
    assert (await service.get("/readyz"))[0] == 200


async def test_a_worker_that_hangs_is_named(start_workers: StartWorkers) -> None:
    service = await start_workers()
    hanging = pids(service)[2]
    os.kill(hanging, signal.SIGSTOP)
    try:
        status, text = await service.get("/healthz")
        assert status == 503
        checks = json.loads(text)["checks"]
        assert checks["worker_2"] == "does not answer"
        assert checks["worker_1.events"] == "ok"
    finally:
        os.kill(hanging, signal.SIGCONT)
    await until_status(service, "/healthz", 200)


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
    connection = await aio_pika.connect(settings["SWITCHHOOK_AMQP__URL"])
    async with connection:
        channel = await connection.channel()
        names = Names("switchhook")
        arguments = queues(names, ())[names.deliveries] | {"x-delivery-limit": 3}
        await channel.declare_exchange("switchhook", "direct", durable=True)
        await channel.declare_queue(names.deliveries, durable=True, arguments=arguments)
    ports = {"SWITCHHOOK_API__PORT": str(free_port())}
    service = _NeverReady(tmp_path, settings | ports, workers=2)
    await service.start()
    try:
        await eventually(lambda: seen(service, "worker.keeps_dying"), 60, "the report")
        (line, *_) = logged(service, "worker.keeps_dying")
        assert line["level"] == "error"
        assert line["deaths"] == 3
        assert "x-delivery-limit" in service.log.read_text()
    finally:
        await service.stop()


class _NeverReady(ServiceProcess):
    async def ready(self) -> None:
        return


async def publish(settings: dict[str, str], count: int) -> None:
    async with switch(settings["SWITCHHOOK_AMQP__URL"]) as kazoo:
        for number in range(count):
            await kazoo.publish(call_event(f"c-{number}"))


@asynccontextmanager
async def load(settings: dict[str, str]) -> AsyncIterator[list[str]]:
    """Publish events, a hundred a second at most, while the block runs; yield their calls."""
    published: list[str] = []

    async def publish_on() -> None:
        async with switch(settings["SWITCHHOOK_AMQP__URL"]) as kazoo:
            while not enough.is_set():
                call_id = f"c-{len(published)}"
                await kazoo.publish(call_event(call_id))
                published.append(call_id)
                await asyncio.sleep(0.01)

    enough = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(publish_on())
        try:
            yield published
        finally:
            enough.set()


def calls(receiver: Receiver) -> set[str]:
    """Return the calls the receiver was told of."""
    return {json.loads(request.body)["call_id"] for request in receiver.requests}


def logged(service: ServiceProcess, *events: str) -> list[dict[str, Any]]:
    """Return the lines the service wrote about these events."""
    lines = service.log.read_text().splitlines()
    known = [json.loads(line) for line in lines if line.startswith("{") and line.endswith("}")]
    return [line for line in known if line["event"] in events]


async def in_hand(service: ServiceProcess, count: int) -> bool:
    """Return whether the workers say that they hold so many events and as many requests."""
    metrics = await service.metrics()
    unacked = metric(metrics, 'switchhook_consumer_unacked{lane="events"}')
    return unacked == metric(metrics, "switchhook_pool_in_use") == count


async def seen(service: ServiceProcess, event: str) -> bool:
    return bool(logged(service, event))


def pids(service: ServiceProcess) -> dict[int, int]:
    """Return the process id of each worker: the last one that was started."""
    return {line["worker"]: line["pid"] for line in logged(service, "worker.started")}


def left_in(directory: Path) -> list[Path]:
    return list(directory.iterdir())


def alive(pids: set[int]) -> set[int]:
    """Return which processes run; one that has ended and waits for its parent does not."""
    found = set()
    for pid in pids:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            continue
        if state != "Z":
            found.add(pid)
    return found


async def until_gone(pids: set[int], timeout_s: float) -> None:
    async def gone() -> bool:
        return not alive(pids)

    await eventually(gone, timeout_s, "the end of the workers")


async def until_status(service: ServiceProcess, path: str, status: int) -> None:
    async def so() -> bool:
        return (await service.get(path))[0] == status

    await eventually(so, 30, f"{path} {status}")


def _series(metrics: dict[str, float]) -> set[str]:
    """Return the names and labels, those that tell the time of creation left out."""
    return {name for name in metrics if not name.partition("{")[0].endswith("_created")}
