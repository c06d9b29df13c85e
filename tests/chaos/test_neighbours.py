"""One tenant's trouble and everybody's backlog: the others do not notice, and memory stays flat."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from service.dev.process import ServiceProcess
from service.dev.receiver import ScriptedAnswer
from service.domain.retry import RetryPolicy
from tests.chaos import faulty_receivers
from tests.chaos.faulty_receivers import FaultyReceiver
from tests.chaos.report import Row
from tests.chaos.rig import Rig
from tests.chaos.tally import Stopwatch
from tests.e2e.harness import eventually

POOL, PER_ENDPOINT = 160, 20
CAP = 50
"""Requests in flight to one endpoint by default."""
NOTICED_S = 1.5
GROWTH_BYTES = 150e6
"""What a process may grow by under load: its windows, its caches, its attempt log."""


class Watch:
    """What a service's gauges were at most."""

    def __init__(self) -> None:
        self.in_use = 0.0
        self.memory = 0.0


@asynccontextmanager
async def watching(service: ServiceProcess) -> AsyncIterator[Watch]:
    """Look at the gauges ten times a second while the block runs."""
    watch = Watch()

    async def look() -> None:
        while True:
            metrics = await service.metrics()
            watch.in_use = max(watch.in_use, metrics["switchhook_pool_in_use"])
            watch.memory = max(watch.memory, metrics["process_resident_memory_bytes"])
            await asyncio.sleep(0.1)

    task = asyncio.create_task(look())
    try:
        yield watch
    finally:
        task.cancel()
        await asyncio.wait([task])


@pytest.mark.timeout(900)
async def test_a_dead_endpoints_backlog_does_not_delay_fifty_healthy_ones(rig: Rig) -> None:
    """Measured up to three times: a machine's hiccup passes, a lack of isolation does not.

    The shorter subset, which runs beside anything, only looks for delays that people notice.
    """
    backlog = 10_000 if rig.full else 2_000
    # What is put off again and again is put off for longer: as in the default schedule.
    rig.schedule_s = (1.0, 5.0, 20.0)
    healthy = await rig.healthy(50)
    async with FaultyReceiver(faulty_receivers.silence, rig.sink, takes=False) as faulty_receiver:
        dead = await rig.account(faulty_receiver.uri, retries=0)
        await rig.service(
            SWITCHHOOK_HTTP__TOTAL_TIMEOUT_S="2", SWITCHHOOK_BREAKER__FAILURE_COUNT="10"
        )
        load = rig.load(healthy, "healthy")
        load.start(100)
        await asyncio.sleep(1)
        rounds: list[Row] = []
        while len(rounds) < 3 and not (rounds and _isolated(rig, rounds[-1])):
            rounds.append(await _round(rig, healthy, dead, backlog, len(rounds)))
        await load.stop()
        # What was closed here may not be known to be closed there.
        assert faulty_receiver.most <= 1.1 * CAP
        if rig.full:
            await _given_up(rig, dead)
    for row in rounds:
        rig.judge(row)
        assert row.dead == 0
    assert _isolated(rig, rounds[-1]), rounds


def _isolated(rig: Rig, row: Row) -> bool:
    return row.isolated if rig.full else row.p99_s is not None and row.p99_s < NOTICED_S


async def _given_up(rig: Rig, account_id: str) -> None:
    """What is left of a backlog becomes dead letters once its webhook is disabled."""
    await _set(rig, account_id, enabled=False)
    await rig.verdict("the dead endpoint's backlog itself", 300, accounts=[account_id])


async def _owed(rig: Rig, account_id: str, count: int) -> bool:
    return len(rig.tally.owed([account_id])) >= count


async def _round(rig: Rig, healthy: list[str], dead: str, backlog: int, number: int) -> Row:
    await rig.tally.until_settled(5, healthy)
    with Stopwatch() as before:
        await asyncio.sleep(5)
    publishing = rig.load([dead], f"dead{number}")
    publishing.start(500)
    await eventually(lambda: _owed(rig, dead, backlog * (number + 1)), 120, "the backlog")
    await publishing.stop()
    with Stopwatch() as during:
        await asyncio.sleep(10)
    await rig.tally.until_settled(20, healthy)
    return await rig.tally.verdict(
        f"one tenant's backlog of {backlog:,} against a dead endpoint: 50 healthy ones",
        before=before.span,
        during=during.span,
        accounts=healthy,
        healthy=healthy,
        note=f"round {number + 1}",
    )


@pytest.mark.long
@pytest.mark.timeout(1800)
async def test_memory_and_requests_in_flight_are_bounded_under_a_backlog_and_slow_receivers(
    rig: Rig,
) -> None:
    events = 200_000 if rig.full else 6_000
    rig.schedule_s = RetryPolicy().schedule
    rig.sink.answer("/ok", ScriptedAnswer(delay_s=0.05))
    accounts = await rig.healthy(10)
    limits = {
        "SWITCHHOOK_HTTP__POOL_LIMIT": str(POOL),
        "SWITCHHOOK_HTTP__PER_ENDPOINT_LIMIT": str(PER_ENDPOINT),
        "SWITCHHOOK_LOG__LEVEL": "warning",
    }
    service = await rig.service(**limits)
    idle = (await service.metrics())["process_resident_memory_bytes"]
    await service.stop()
    await rig.load(accounts).publish(events)
    with Stopwatch() as herd:
        await service.start()
        async with watching(service) as watch:
            assert await rig.tally.until_settled(1500 if rig.full else 120)
    rate = events / (herd.end - herd.start)
    row = await rig.verdict(
        f"backlog of {events:,} after an outage of ours, receivers taking 50 ms",
        bound=0,
        note=(
            f"{rate:.0f}/s; in flight at most {watch.in_use:.0f} of {POOL}, to one endpoint "
            f"{max(rig.sink.peak.values())} of {PER_ENDPOINT}; memory {idle / 1e6:.0f} → "
            f"{watch.memory / 1e6:.0f} MB"
        ),
    )
    assert row.dead == 0
    assert watch.in_use <= POOL
    assert rig.sink.most_underway <= POOL
    assert max(rig.sink.peak.values()) <= PER_ENDPOINT
    assert watch.memory - idle < GROWTH_BYTES


@pytest.mark.long
@pytest.mark.timeout(1500)
async def test_the_herd_after_an_outage_of_the_receivers_is_let_in_by_the_cap(
    rig: Rig,
) -> None:
    accounts = [
        await rig.account(await rig.sink.url(f"127.3.0.{n}", "/down"), retries=5)
        for n in range(1, 6)
    ]
    bystanders = await rig.healthy(5)
    rig.sink.answer("/down", ScriptedAnswer(503))
    if rig.full:
        rig.schedule_s = (0.5, 2.0, 5.0, 60.0, 600.0)
    await rig.service(
        SWITCHHOOK_HTTP__PER_ENDPOINT_LIMIT=str(PER_ENDPOINT),
        SWITCHHOOK_BREAKER__FAILURE_COUNT="10",
    )
    load, before = await rig.under_load([*accounts, *bystanders], 100, 3)
    seconds = 600 if rig.full else 6
    with Stopwatch() as outage:
        await asyncio.sleep(seconds)
    rig.sink.peak.clear()
    rig.sink.answer("/down", ScriptedAnswer(delay_s=0.05))
    await load.stop()
    await rig.tally.until_settled(700 if rig.full else 60)
    row = await rig.verdict(
        f"thundering herd after receivers were down for {seconds} s",
        before=before,
        during=outage.span,
        healthy=bystanders,
        note=f"then at most {max(rig.sink.peak.values())} of {PER_ENDPOINT} at once to one",
    )
    assert max(rig.sink.peak.values()) <= PER_ENDPOINT
    assert row.dead == 0 or rig.full, "those at their last attempt may have died"


@pytest.mark.long
async def test_webhooks_created_changed_disabled_and_deleted_under_load(rig: Rig) -> None:
    """Each kind of change, many times; what is never touched gets everything, once."""
    steady = await rig.healthy(5)
    changing = [await rig.account(await rig.sink.url("127.4.0.1", "/first")) for _ in range(20)]
    await rig.service()
    load, before = await rig.under_load([*steady, *changing], 150, 2)
    second = await rig.sink.url("127.4.0.2", "/second")
    with Stopwatch() as fault:
        for account_id in changing[:10]:
            await _set(rig, account_id, uri=second)
        for account_id in changing[10:15]:
            await _set(rig, account_id, enabled=False)
        await rig.database["webhooks"].delete_many({"account_id": {"$in": changing[15:]}})
        created = [await rig.account(second) for _ in range(5)]
        await asyncio.sleep(2)
    heeded_at = fault.end
    await asyncio.sleep(2)
    await load.stop()
    await rig.load(created, "created").publish(50)
    # Events between a change and its being heeded belong to either side of it.
    for account_id in changing[10:]:
        rig.tally.webhooks[account_id].clear()
    await rig.verdict(
        "webhooks created, moved, disabled, deleted under load",
        before=before,
        during=fault.span,
        healthy=steady,
        note="heeded within 2 s: no request to the old address, a disabled or a deleted one",
    )
    late = [seen for seen in rig.sink.at("/first") if seen.at > heeded_at]
    assert late == []


async def _set(rig: Rig, account_id: str, **members: object) -> None:
    await rig.database["webhooks"].update_one({"account_id": account_id}, {"$set": members})
