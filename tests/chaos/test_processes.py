"""Our own processes die, in every way and at the worst moments."""

import asyncio
import os
import signal

import pytest

from service.dev.receiver import ScriptedAnswer
from tests.chaos.owners import TwoWorkers
from tests.chaos.proxy import FAIR, Weather
from tests.chaos.rig import NAMES, PREFETCH, Rig
from tests.chaos.tally import Stopwatch
from tests.e2e.harness import depth, eventually, logged
from tests.e2e.workers import pids

WAIT_S = 2.0
"""How long the healthy may wait for a worker that died or is frozen."""
HEARTBEATS_MISSED_S = 32.0
RETRIED = 'switchhook_deliveries_total{outcome="retried"}'


@pytest.mark.timeout(600)
async def test_a_worker_killed_in_the_middle_of_deliveries_loses_nothing(rig: Rig) -> None:
    rig.sink.answer("/ok", ScriptedAnswer(delay_s=0.2))
    accounts = await rig.healthy(10)
    survivor, victim = await asyncio.gather(rig.service(), rig.service())
    load, before = await rig.under_load(accounts, 150, 3)
    kills = 20 if rig.full else 3
    with Stopwatch() as fault:
        for _ in range(kills):
            await asyncio.sleep(rig.rng.uniform(0.2, 1.0))
            await rig.kill(victim)
            await victim.start()
    await load.stop()
    await rig.verdict(
        f"worker SIGKILL mid-delivery, {kills} times, one of two",
        bound=rig.repeatable(kills),
        before=before,
        during=fault.span,
    )
    assert (await survivor.metrics())["switchhook_pool_in_use"] == 0


@pytest.mark.timeout(600)
async def test_a_worker_killed_between_confirm_and_acknowledgement_sends_again_what_it_held(
    rig: Rig,
) -> None:
    """Its acknowledgements are held back on the wire: none of what it settled counts as done."""
    rig.sink.answer("/flaky", lambda attempt: ScriptedAnswer(503 if attempt == 1 else 200))
    accounts = [*await rig.healthy(2), *await rig.healthy(2, "/flaky")]
    proxy = await rig.proxy(rig.broker.port)
    service = await rig.service(SWITCHHOOK_AMQP__URL=rig.through(proxy))
    proxy.set(Weather(mute=True, only=b"switchhook consume"))
    events = 40
    await rig.load(accounts).publish(events)

    async def all_settled() -> bool:
        """Half are taken, half are confirmed in the tier or beyond; none is acknowledged."""
        taken = len(rig.tally.taken()) >= events / 2
        return taken and (await service.metrics())[RETRIED] >= events / 2

    await eventually(all_settled, 20, "every first attempt settled")
    with Stopwatch() as fault:
        await rig.kill(service)
        proxy.set(FAIR)
        await service.start()
    await rig.verdict(
        "worker SIGKILL between confirm and ack",
        bound=events,
        during=fault.span,
        note="every event was settled and none acknowledged: all may come again",
    )


@pytest.mark.timeout(600)
async def test_all_workers_killed_at_once_are_back_before_anybody_waits_for_long(
    rig: Rig,
) -> None:
    """Their supervisor stays."""
    rig.sink.answer("/ok", ScriptedAnswer(delay_s=0.2))
    accounts = await rig.healthy(10)
    service = await rig.start(TwoWorkers, {})
    load, before = await rig.under_load(accounts, 150, 2)
    await asyncio.sleep(0.5)  # what is under way when it begins belongs to the fault
    kills = 5 if rig.full else 1
    with Stopwatch() as fault:
        for _ in range(kills):
            service.kill_workers()
            await eventually(lambda: _ended(service), what="the end of the workers")
            await eventually(lambda: _ready(service), what="workers that are ready")
            await asyncio.sleep(3)
    await load.stop()
    row = await rig.verdict(
        f"all workers SIGKILL at once, {kills} times, their supervisor stays",
        bound=rig.repeatable(kills),
        before=before,
        during=fault.span,
    )
    assert await depth(rig.amqp_url, NAMES.rejected) == 0, "taken for poison"
    assert row.p99_s is not None
    assert row.p99_s <= WAIT_S


async def _ended(service: TwoWorkers) -> bool:
    """Return whether the supervisor has noticed every death, and started every worker again."""
    died, started = logged(service, "worker.died"), logged(service, "worker.started")
    return len(started) == len(died) + 2 and len(died) % 2 == 0 and bool(died)


async def _ready(service: TwoWorkers) -> bool:
    status, _ = await service.get("/readyz")
    return status == 200


@pytest.mark.timeout(600)
@pytest.mark.long
async def test_a_service_killed_as_a_whole_catches_up_once_it_is_started(rig: Rig) -> None:
    accounts = await rig.healthy(10)
    service = await rig.start(TwoWorkers, {})
    load, before = await rig.under_load(accounts, 50, 2)
    await asyncio.sleep(0.5)  # what is under way when it begins belongs to the fault
    with Stopwatch() as fault:
        service.kill_workers()
        await rig.kill(service)
        await asyncio.sleep(20)
        await service.start()
    await asyncio.sleep(2)
    await load.stop()
    row = await rig.verdict(
        "supervisor and all workers SIGKILL at once, away 20 s",
        bound=rig.repeatable(2),
        before=before,
        during=fault.span,
        note="a backlog of 1,000; the healthy wait until somebody starts it again",
    )
    assert row.recovery_s is not None
    assert row.recovery_s <= WAIT_S


@pytest.mark.timeout(600)
async def test_a_rolling_restart_under_load_loses_and_repeats_nothing(rig: Rig) -> None:
    rig.sink.answer("/ok", ScriptedAnswer(delay_s=0.1))
    rig.sink.answer("/flaky", lambda attempt: ScriptedAnswer(503 if attempt == 1 else 200))
    accounts = [*await rig.healthy(8), *await rig.healthy(2, "/flaky")]
    workers = await asyncio.gather(rig.service(), rig.service())
    load, before = await rig.under_load(accounts, 150, 2)
    await asyncio.sleep(0.5)  # what is under way when it begins belongs to the fault
    with Stopwatch() as fault:
        for worker in (*workers, *(workers if rig.full else ())):
            os.kill(worker.pid, signal.SIGTERM)
            assert await worker.wait() == 0
            await worker.start()
    await load.stop()
    await rig.verdict(
        "rolling restart under load (SIGTERM, one after the other)",
        bound=0,
        before=before,
        during=fault.span,
        healthy=accounts[:8],
    )


@pytest.mark.timeout(600)
async def test_a_frozen_worker_is_killed_before_anybody_waits_for_long(rig: Rig) -> None:
    rig.sink.answer("/ok", ScriptedAnswer(delay_s=0.1))
    accounts = await rig.healthy(10)
    service = await rig.start(TwoWorkers, {})
    load, before = await rig.under_load(accounts, 100, 3)
    freezes = 5 if rig.full else 1
    with Stopwatch() as fault:
        for number in range(freezes):
            os.kill(pids(service)[1 + number % 2], signal.SIGSTOP)
            await asyncio.sleep(5)
    await load.stop()
    row = await rig.verdict(
        f"worker SIGSTOP, {freezes} times, one of two of a supervisor",
        bound=rig.repeatable(freezes),
        before=before,
        during=fault.span,
        note="the supervisor kills it after a second",
    )
    assert len(logged(service, "worker.frozen")) == freezes
    assert row.p99_s is not None
    assert row.p99_s <= WAIT_S


@pytest.mark.timeout(600)
@pytest.mark.long
async def test_a_worker_frozen_until_the_broker_gives_up_on_it_repeats_at_most_its_window(
    rig: Rig,
) -> None:
    """Nobody else can: a process on another machine holds a connection that stands.

    The broker sends a heartbeat every 5 s and closes a connection that was silent for 20 s, two
    heartbeat intervals of 10 s, which it finds up to 10 s later.
    """
    rig.sink.answer("/ok", ScriptedAnswer(delay_s=0.1))
    accounts = await rig.healthy(10)
    frozen, _ = await asyncio.gather(rig.service(), rig.service())
    load, before = await rig.under_load(accounts, 100, 3)
    with Stopwatch() as fault:
        os.kill(frozen.pid, signal.SIGSTOP)
        await asyncio.sleep(45)
        os.kill(frozen.pid, signal.SIGCONT)
    await asyncio.sleep(5)
    await load.stop()
    row = await rig.verdict(
        "process SIGSTOP 45 s, one of two without a supervisor",
        60,
        bound=PREFETCH,
        before=before,
        during=fault.span,
        note="until the broker misses two heartbeats of 10 s: 20 to 30 s",
    )
    assert row.p99_s is not None
    assert row.p99_s <= HEARTBEATS_MISSED_S
