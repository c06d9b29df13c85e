"""MongoDB dies, hangs, and changes its mind about who is primary."""

import asyncio
import os
import signal
from collections.abc import Mapping
from typing import Any

import pytest
from pymongo import AsyncMongoClient
from pymongo.errors import PyMongoError

from service.dev.receiver import ScriptedAnswer
from tests.chaos.proxy import FAIR, Weather
from tests.chaos.report import Row
from tests.chaos.rig import Rig
from tests.chaos.tally import Load, Span, Stopwatch
from tests.e2e.harness import eventually

READY_S = 30
FROM_MEMORY_S = 1.0
KILLED_P99_S, HUNG_P99_S = 0.066, 0.009
"""What is normal in full length; see README's table."""
STRANGER = "127.1.1.1"


async def _under_way(rig: Rig, **settings: str) -> tuple[Load, list[str], Span]:
    """Start a service and a load on accounts it knows, some of whose deliveries are retried."""
    rig.sink.answer("/flaky", lambda attempt: ScriptedAnswer(503 if attempt == 1 else 200))
    accounts = [*await rig.healthy(9), *await rig.healthy(1, "/flaky")]
    # What is remembered becomes too old during the fault, not only after a minute.
    await rig.service(SWITCHHOOK_CACHE__MAX_AGE_S="5", **settings)
    load, before = await rig.under_load(accounts, 100, 3)
    return load, accounts[:9], before


async def _served_from_memory(rig: Rig, fault: str, **more: Any) -> Row:
    row = await rig.verdict(fault, 60, **more)
    assert row.p99_s is not None
    assert row.p99_s < FROM_MEMORY_S, "known accounts are served from memory"
    return row


async def test_a_store_killed_and_away_loses_nothing_and_delays_no_known_account(
    rig: Rig,
) -> None:
    load, known, before = await _under_way(rig)
    stranger = await rig.account(await rig.sink.url(STRANGER, "/ok"))
    seconds = 60 if rig.full else 20
    with Stopwatch() as fault:
        await rig.store.kill()
        await rig.load([stranger], "stranger").publish(20)
        await asyncio.sleep(seconds)
        assert not [seen for seen in rig.sink.seen if seen.host == STRANGER], "they are held"
        await rig.store.start()
    await load.stop()
    row = await _served_from_memory(
        rig,
        f"mongod SIGKILL, away {seconds} s",
        before=before,
        during=fault.span,
        healthy=known,
        note="20 events of an account never seen before are held until it is back",
    )
    assert row.is_normal(KILLED_P99_S) or not rig.full, row


@pytest.mark.long
async def test_a_store_that_hangs_loses_nothing(rig: Rig) -> None:
    load, known, before = await _under_way(rig)
    seconds = 60 if rig.full else 10
    with Stopwatch() as fault:
        os.kill(rig.store.pid, signal.SIGSTOP)
        try:
            await asyncio.sleep(seconds)
        finally:
            os.kill(rig.store.pid, signal.SIGCONT)
    await load.stop()
    row = await _served_from_memory(
        rig, f"mongod SIGSTOP {seconds} s", before=before, during=fault.span, healthy=known
    )
    assert row.is_normal(HUNG_P99_S) or not rig.full, row


@pytest.mark.long
async def test_a_store_that_takes_two_seconds_for_everything_delays_no_known_account(
    rig: Rig,
) -> None:
    proxy = await rig.proxy(rig.store.port)
    url = rig.store.url.replace(f":{rig.store.port}/", f":{proxy.port}/")
    load, known, before = await _under_way(rig, SWITCHHOOK_MONGO__URL=url)
    seconds = 60 if rig.full else 10
    with Stopwatch() as fault:
        proxy.set(Weather(delay_s=1.0))  # there, and back again
        await asyncio.sleep(seconds)
        proxy.set(FAIR)
    await load.stop()
    name = f"store slow (2 s for each answer), {seconds} s"
    await _served_from_memory(rig, name, before=before, during=fault.span, healthy=known)


@pytest.mark.long
async def test_a_primary_that_steps_down_loses_nothing(rig: Rig) -> None:
    load, known, before = await _under_way(rig)
    async with AsyncMongoClient[Mapping[str, Any]](rig.store.url, timeoutMS=5000) as client:
        with Stopwatch() as fault:
            await client.admin.command("replSetStepDown", 5, force=True)

            async def primary() -> bool:
                try:
                    return bool((await client.admin.command("hello"))["isWritablePrimary"])
                except PyMongoError:
                    return False

            await eventually(primary, READY_S, "a primary")
    await load.stop()
    await rig.verdict(
        "primary stepdown, 5 s without a primary",
        before=before,
        during=fault.span,
        healthy=known,
    )
