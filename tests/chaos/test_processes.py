"""Our own processes die, in every way and at the worst moments."""

import asyncio
import os
import signal

import pytest

from service.dev.receiver import Answer
from tests.chaos.arena import NAMES, PREFETCH, Arena
from tests.chaos.ledger import Stopwatch
from tests.chaos.owners import TwoWorkers
from tests.chaos.proxy import FAIR, Weather
from tests.e2e.harness import depth, eventually, logged
from tests.e2e.workers import pids

WAIT_S = 2.0
"""How long the healthy may wait for a worker that died or is frozen."""
HEARTBEATS_MISSED_S = 32.0
RETRIED = 'switchhook_deliveries_total{outcome="retried"}'


@pytest.mark.timeout(600)
async def test_a_worker_killed_in_the_middle_of_deliveries_loses_nothing(arena: Arena) -> None:
    arena.sink.answer("/ok", Answer(delay_s=0.2))
    accounts = await arena.healthy(10)
    survivor, victim = await asyncio.gather(arena.service(), arena.service())
    load, before = await arena.under_load(accounts, 150, 3)
    kills = 20 if arena.full else 3
    with Stopwatch() as fault:
        for _ in range(kills):
            await asyncio.sleep(arena.rng.uniform(0.2, 1.0))
            await arena.kill(victim)
            await victim.start()
    await load.stop()
    await arena.verdict(
        f"worker SIGKILL mid-delivery, {kills} times, one of two",
        bound=arena.repeatable(kills),
        before=before,
        during=fault.span,
    )
    assert (await survivor.metrics())["switchhook_pool_in_use"] == 0


@pytest.mark.timeout(600)
async def test_a_worker_killed_between_confirm_and_acknowledgement_sends_again_what_it_held(
    arena: Arena,
) -> None:
    """Its acknowledgements are held back on the wire: none of what it settled counts as done."""
    arena.sink.answer("/flaky", lambda attempt: Answer(503 if attempt == 1 else 200))
    accounts = [*await arena.healthy(2), *await arena.healthy(2, "/flaky")]
    proxy = await arena.proxy(arena.broker.port)
    service = await arena.service(SWITCHHOOK_AMQP__URL=arena.through(proxy))
    proxy.set(Weather(mute=True, only=b"switchhook consume"))
    events = 40
    await arena.load(accounts).publish(events)

    async def all_settled() -> bool:
        """Half are taken, half are confirmed in the tier or beyond; none is acknowledged."""
        taken = len(arena.ledger.taken()) >= events / 2
        return taken and (await service.metrics())[RETRIED] >= events / 2

    await eventually(all_settled, 20, "every first attempt settled")
    with Stopwatch() as fault:
        await arena.kill(service)
        proxy.set(FAIR)
        await service.start()
    await arena.verdict(
        "worker SIGKILL between confirm and ack",
        bound=events,
        during=fault.span,
        note="every event was settled and none acknowledged: all may come again",
    )


@pytest.mark.timeout(600)
async def test_all_workers_killed_at_once_are_back_before_anybody_waits_for_long(
    arena: Arena,
) -> None:
    """Their supervisor stays."""
    arena.sink.answer("/ok", Answer(delay_s=0.2))
    accounts = await arena.healthy(10)
    service = await arena.start(TwoWorkers, {})
    load, before = await arena.under_load(accounts, 150, 2)
    await asyncio.sleep(0.5)  # what is under way when it begins belongs to the fault
    kills = 5 if arena.full else 1
    with Stopwatch() as fault:
        for _ in range(kills):
            service.kill_workers()
            await eventually(lambda: _ended(service), what="the end of the workers")
            await eventually(lambda: _ready(service), what="workers that are ready")
            await asyncio.sleep(3)
    await load.stop()
    row = await arena.verdict(
        f"all workers SIGKILL at once, {kills} times, their supervisor stays",
        bound=arena.repeatable(kills),
        before=before,
        during=fault.span,
    )
    assert await depth(arena.amqp_url, NAMES.rejected) == 0, "taken for poison"
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
async def test_a_service_killed_as_a_whole_catches_up_once_it_is_started(arena: Arena) -> None:
    accounts = await arena.healthy(10)
    service = await arena.start(TwoWorkers, {})
    load, before = await arena.under_load(accounts, 50, 2)
    await asyncio.sleep(0.5)  # what is under way when it begins belongs to the fault
    with Stopwatch() as fault:
        service.kill_workers()
        await arena.kill(service)
        await asyncio.sleep(20)
        await service.start()
    await asyncio.sleep(2)
    await load.stop()
    row = await arena.verdict(
        "supervisor and all workers SIGKILL at once, away 20 s",
        bound=arena.repeatable(2),
        before=before,
        during=fault.span,
        note="a backlog of 1,000; the healthy wait until somebody starts it again",
    )
    assert row.recovery_s is not None
    assert row.recovery_s <= WAIT_S


@pytest.mark.timeout(600)
async def test_a_rolling_restart_under_load_loses_and_repeats_nothing(arena: Arena) -> None:
    arena.sink.answer("/ok", Answer(delay_s=0.1))
    arena.sink.answer("/flaky", lambda attempt: Answer(503 if attempt == 1 else 200))
    accounts = [*await arena.healthy(8), *await arena.healthy(2, "/flaky")]
    workers = await asyncio.gather(arena.service(), arena.service())
    load, before = await arena.under_load(accounts, 150, 2)
    await asyncio.sleep(0.5)  # what is under way when it begins belongs to the fault
    with Stopwatch() as fault:
        for worker in (*workers, *(workers if arena.full else ())):
            os.kill(worker.pid, signal.SIGTERM)
            assert await worker.wait() == 0
            await worker.start()
    await load.stop()
    await arena.verdict(
        "rolling restart under load (SIGTERM, one after the other)",
        bound=0,
        before=before,
        during=fault.span,
        healthy=accounts[:8],
    )


@pytest.mark.timeout(600)
async def test_a_frozen_worker_is_killed_before_anybody_waits_for_long(arena: Arena) -> None:
    arena.sink.answer("/ok", Answer(delay_s=0.1))
    accounts = await arena.healthy(10)
    service = await arena.start(TwoWorkers, {})
    load, before = await arena.under_load(accounts, 100, 3)
    freezes = 5 if arena.full else 1
    with Stopwatch() as fault:
        for number in range(freezes):
            os.kill(pids(service)[1 + number % 2], signal.SIGSTOP)
            await asyncio.sleep(5)
    await load.stop()
    row = await arena.verdict(
        f"worker SIGSTOP, {freezes} times, one of two of a supervisor",
        bound=arena.repeatable(freezes),
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
    arena: Arena,
) -> None:
    """Nobody else can: a process on another machine holds a connection that stands.

    The broker sends a heartbeat every 5 s and closes a connection that was silent for 20 s, two
    heartbeat intervals of 10 s, which it finds up to 10 s later.
    """
    arena.sink.answer("/ok", Answer(delay_s=0.1))
    accounts = await arena.healthy(10)
    frozen, _ = await asyncio.gather(arena.service(), arena.service())
    load, before = await arena.under_load(accounts, 100, 3)
    with Stopwatch() as fault:
        os.kill(frozen.pid, signal.SIGSTOP)
        await asyncio.sleep(45)
        os.kill(frozen.pid, signal.SIGCONT)
    await asyncio.sleep(5)
    await load.stop()
    row = await arena.verdict(
        "process SIGSTOP 45 s, one of two without a supervisor",
        60,
        bound=PREFETCH,
        before=before,
        during=fault.span,
        note="until the broker misses two heartbeats of 10 s: 20 to 30 s",
    )
    assert row.p99_s is not None
    assert row.p99_s <= HEARTBEATS_MISSED_S
