"""Half an hour at half of what the machine can do: nothing grows."""

import asyncio
import time

import pytest

from service.dev.receiver import ScriptedAnswer
from tests.chaos.rig import Rig
from tests.chaos.tally import Stopwatch

MINUTES = 30
WARM_UP_S = 300
PROBE_EVENTS = 10_000
GROWTH = 0.1
"""How much more memory the last third may need than the first after warming up."""


@pytest.mark.soak
@pytest.mark.timeout(60 * (MINUTES + 15))
async def test_half_an_hour_at_half_the_rate_leaves_memory_flat(rig: Rig) -> None:
    rig.sink.answer("/ok", ScriptedAnswer(delay_s=0.01))
    rig.sink.answer("/flaky", lambda attempt: ScriptedAnswer(503 if attempt == 1 else 200))
    accounts = [*await rig.healthy(45), *await rig.healthy(5, "/flaky")]
    service = await rig.service(SWITCHHOOK_LOG__LEVEL="warning")
    rate = await _rate(rig, accounts) / 2
    load = rig.load(accounts, "soak")
    memory: list[float] = []
    with Stopwatch() as before:
        load.start(rate)
        await asyncio.sleep(WARM_UP_S)
    with Stopwatch() as soak:
        while time.monotonic() < soak.start + 60 * MINUTES - WARM_UP_S:
            memory.append((await service.metrics())["process_resident_memory_bytes"])
            await asyncio.sleep(5)
    await load.stop()
    third = len(memory) // 3
    first, last = max(memory[:third]), max(memory[-third:])
    await rig.verdict(
        f"soak of {MINUTES} minutes at {rate:.0f}/s",
        120,
        before=before.span,
        during=soak.span,
        note=f"memory {first / 1e6:.0f} → {last / 1e6:.0f} MB",
    )
    assert last < first * (1 + GROWTH)


async def _rate(rig: Rig, accounts: list[str]) -> float:
    """Return how many events a second are published, delivered and settled at most."""
    began = time.monotonic()
    await rig.load(accounts, "probe").publish(PROBE_EVENTS)
    assert await rig.tally.until_settled(120)
    return PROBE_EVENTS / (time.monotonic() - began)
