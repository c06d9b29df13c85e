"""The broker restarts, dies, is out of memory; connections to it break in the middle of a word."""

import asyncio
from typing import Any

import pytest

from service.dev.receiver import ScriptedAnswer
from tests.chaos.proxy import FAIR, Proxy, Weather
from tests.chaos.rig import PREFETCH, SETTLED_S, Rig
from tests.chaos.tally import Stopwatch
from tests.e2e.harness import eventually

CONNECTED = [f'switchhook_broker_connected{{link="{link}"}}' for link in ("consume", "publish")]


def flaky(attempt: int) -> ScriptedAnswer:
    """Fail at first, so that every delivery has to go through a tier."""
    return ScriptedAnswer(503 if attempt == 1 else 200)


@pytest.mark.timeout(600)
@pytest.mark.long
async def test_a_broker_stopped_and_started_loses_nothing(rig: Rig) -> None:
    await _restarted(rig, "broker restart (graceful)", kill=False)


@pytest.mark.timeout(600)
async def test_a_broker_killed_under_load_loses_nothing(rig: Rig) -> None:
    await _restarted(rig, "broker SIGKILL under publish load", kill=True)


async def _restarted(rig: Rig, fault_name: str, *, kill: bool) -> None:
    rig.sink.answer("/ok", ScriptedAnswer(delay_s=0.05))
    rig.sink.answer("/flaky", flaky)
    accounts = [*await rig.healthy(8), *await rig.healthy(2, "/flaky")]
    await rig.service()
    load, before = await rig.under_load(accounts, 100, SETTLED_S)
    await rig.until_queues_survive()
    times = 5 if rig.full else 1
    for _ in range(times):
        await asyncio.sleep(rig.rng.uniform(0, 1))
        with Stopwatch() as fault:
            await (rig.broker.kill() if kill else rig.broker.stop())
            await rig.broker.start()
        await _accepts_again(rig)
    await load.stop()
    await rig.verdict(
        fault_name if times == 1 else f"{fault_name}, {times} times",
        60,
        bound=times * PREFETCH,
        before=before,
        during=fault.span,
        healthy=accounts[:5],
        note=f"unknown outcomes of the load: {rig.tally.unknown}",
    )


async def _accepts_again(rig: Rig) -> None:
    accepted = len(rig.tally.accepted)

    async def more() -> bool:
        return len(rig.tally.accepted) > accepted + 50

    await eventually(more, 60, "events accepted after the restart")


@pytest.mark.timeout(600)
async def test_a_connection_cut_in_the_middle_of_publishes_loses_nothing(rig: Rig) -> None:
    cuts, spans = await _cut(rig, b"switchhook publish")
    await rig.verdict(
        f"publishing connection cut, {cuts} times after random bytes",
        # While nothing can be published, retries hold the window, and a backlog builds up.
        240,
        bound=cuts * PREFETCH,
        **spans,
    )


@pytest.mark.timeout(600)
async def test_a_connection_cut_in_the_middle_of_acknowledgements_repeats_nothing(
    rig: Rig,
) -> None:
    cuts, spans = await _cut(rig, b"switchhook consume")
    await rig.verdict(
        f"consuming connection cut, {cuts} times after random bytes",
        bound=0,
        **spans,
        note="what was finished is remembered, so redelivery repeats no request",
    )


async def _cut(rig: Rig, which: bytes) -> tuple[int, dict[str, Any]]:
    rig.sink.answer("/flaky", flaky)
    accounts = [*await rig.healthy(5), *await rig.healthy(5, "/flaky")]
    proxy = await rig.proxy(rig.broker.port)
    await rig.service(SWITCHHOOK_AMQP__URL=rig.through(proxy))
    load, before = await rig.under_load(accounts, 100, 2)
    wanted = 50 if rig.full else 6
    with Stopwatch() as fault:
        proxy.set(Weather(cut_after=lambda: rig.rng.randrange(200, 20_000), only=which))
        await eventually(lambda: _has_cut(proxy, wanted), 300, f"{wanted} cuts")
        proxy.set(FAIR)
    await asyncio.sleep(1)
    await load.stop()
    return proxy.cuts, {"before": before, "during": fault.span, "healthy": accounts[:5]}


async def _has_cut(proxy: Proxy, times: int) -> bool:
    return proxy.cuts >= times


@pytest.mark.long
@pytest.mark.timeout(600)
async def test_a_memory_alarm_of_the_broker_holds_things_up_and_loses_nothing(rig: Rig) -> None:
    rig.sink.answer("/flaky", flaky)
    accounts = [*await rig.healthy(5), *await rig.healthy(5, "/flaky")]
    service = await rig.service()
    load, before = await rig.under_load(accounts, 100, 2)
    seconds = 60 if rig.full else 5
    with Stopwatch() as fault:
        await rig.broker.control("set_vm_memory_high_watermark", "absolute", "1MB")
        try:
            await asyncio.sleep(seconds)
        finally:
            await rig.broker.control("set_vm_memory_high_watermark", "0.4")
    await _accepts_again(rig)
    await load.stop()
    timed_out = (await service.metrics()).get(
        'switchhook_dependency_waits_total{error="BrokerUnavailable"}', 0
    )
    await rig.verdict(
        f"broker memory alarm, {seconds} s",
        60,
        # A publish that was given up may be stored all the same, once the alarm is over.
        bound=int(timed_out),
        before=before,
        during=fault.span,
        healthy=accounts[:5],
        note=f"publishes given up and repeated: {int(timed_out)}",
    )


@pytest.mark.timeout(600)
@pytest.mark.long
async def test_a_broker_that_hangs_is_found_dead_and_found_again(rig: Rig) -> None:
    """Connections stand and nothing comes; the subset ends it before the heartbeats would."""
    rig.sink.answer("/flaky", flaky)
    accounts = [*await rig.healthy(5), *await rig.healthy(5, "/flaky")]
    proxy = await rig.proxy(rig.broker.port)
    service = await rig.service(SWITCHHOOK_AMQP__URL=rig.through(proxy))
    load, before = await rig.under_load(accounts, 100, 2)
    seconds = 60 if rig.full else 8
    with Stopwatch() as fault:
        proxy.set(Weather(black_hole=True))
        await asyncio.sleep(seconds)
        # What is on the way is lost, as when a machine dies: it is not said later.
        proxy.reset_all()
        proxy.set(FAIR)
    await load.stop()
    await rig.verdict(
        f"broker hangs (black hole), {seconds} s",
        60,
        bound=PREFETCH,
        before=before,
        during=fault.span,
        healthy=accounts[:5],
        note="publishes of unknown outcome are repeated",
    )
    metrics = await service.metrics()
    assert [metrics[name] for name in CONNECTED] == [1, 1]
