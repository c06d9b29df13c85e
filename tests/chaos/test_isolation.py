"""One account's endpoints hang, trickle or alternate: nobody else waits, from the start."""

import asyncio
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from service.dev.process import ServiceProcess
from tests.chaos.crowd import Crowd, Manner
from tests.chaos.rig import Rig
from tests.chaos.tally import Stopwatch
from tests.e2e.harness import eventually

CALLS = 60
HANGS_S = 30
NOTICED_S = 1.5
ALONE_S = 6
"""Seconds of the healthy alone, which say what is normal."""
HEALTHY = 21
"""The healthy accounts have events in turn. Workers too: of 20 accounts, each of four workers would
meet five, and the others only when the trouble begins."""


@dataclass(frozen=True, slots=True)
class Hang:
    """How many accounts have how many endpoints each, which behave in one way."""

    endpoints: int
    accounts: int = 1
    manner: Manner = Manner.SILENT
    workers: int = 1
    in_short: bool = False

    @property
    def short(self) -> str:
        """Its name on the command line."""
        manner = self.manner.name.lower()
        return f"{self.accounts}x{self.endpoints}-{manner}-{self.workers}w"

    def __str__(self) -> str:
        whose = "one account" if self.accounts == 1 else f"each of {self.accounts} accounts"
        workers = "1 worker" if self.workers == 1 else f"{self.workers} workers"
        return f"{self.endpoints:,} endpoints of {whose} {self.manner.value}, {workers}"


HANGS = [
    Hang(3, in_short=True),
    Hang(12),
    Hang(120, in_short=True),
    Hang(1000),
    Hang(12, accounts=20, in_short=True),
    Hang(120, accounts=20),
    Hang(12, manner=Manner.TRICKLING),
    Hang(12, manner=Manner.LATE),
    Hang(12, manner=Manner.ALTERNATING),
    Hang(12, workers=4),
    Hang(1000, workers=4),
    Hang(120, accounts=20, workers=4),
]


@pytest.mark.timeout(300)
@pytest.mark.parametrize("hang", HANGS, ids=lambda hang: hang.short)
async def test_hanging_endpoints_delay_nobody_else(rig: Rig, hang: Hang, tmp_path: Path) -> None:
    if not (hang.in_short or rig.full):
        pytest.skip("in full length only")
    rig.schedule_s = (1.0, 5.0, 30.0, 120.0)
    healthy = await rig.healthy(HEALTHY)
    async with Crowd(tmp_path / "crowd", hang.manner, HANGS_S) as crowd:
        hit = [
            await rig.account_of_many(
                crowd.uris(number, hang.endpoints), timeout_s=HANGS_S, retries=0
            )
            for number in range(hang.accounts)
        ]
        service = await rig.service_of(hang.workers, **DEFAULTS)
        load, before = await rig.under_load(healthy, 50, ALONE_S, "healthy")
        with Stopwatch() as fault:
            trouble = rig.load(hit, "trouble")
            await trouble.publish(CALLS)
            trouble.start(5)
            await asyncio.sleep(40 if rig.full else 10)
            await trouble.stop()
        held = await _held(service, hit)
        freed_s = await _places_free_after_deletion(rig, service, hit)
        memory = (await service.metrics())["process_resident_memory_bytes"]
        await load.stop()
        await rig.tally.until_settled(20, healthy)
        row = await rig.tally.verdict(
            f"{hang}",
            before=before,
            during=fault.span,
            accounts=healthy,
            healthy=healthy,
            bound=0,
            note=(
                f"{held} places, free {freed_s:.1f} s after the webhooks were deleted; "
                f"memory {memory / 1e6:.0f} MB"
            ),
        )
    rig.judge(row)
    assert row.dead == 0
    assert row.p99_s is not None
    # The subset runs beside anything, and only looks for delays that people notice.
    assert row.undelayed if rig.full else row.p99_s < NOTICED_S, row
    assert held >= min(HANGS[0].endpoints, hang.endpoints)
    assert freed_s <= 1.0


async def _held(service: ServiceProcess, accounts: list[str]) -> int:
    """Return how many places the accounts hold now. The gauges may be a second old."""
    answer = await service.places()
    workers = [answer] if "accounts" in answer else answer.values()
    return sum(
        one["places"]
        for worker in workers
        for one in worker["accounts"]
        if one["account_id"] in accounts
    )


DEFAULTS = {
    # Disabling would end the fault after six time-outs: the worst case is one that is never seen.
    "SWITCHHOOK_DISABLE__FAILURE_COUNT": "1000",
    "SWITCHHOOK_BREAKER__FAILURE_COUNT": "10",
    "SWITCHHOOK_LOG__LEVEL": "warning",
}


async def _places_free_after_deletion(
    rig: Rig, service: ServiceProcess, accounts: list[str]
) -> float:
    """Delete the webhooks of the accounts; return how long their requests went on."""
    began = time.monotonic()
    await rig.database["webhooks"].delete_many({"account_id": {"$in": accounts}})

    async def free() -> bool:
        return await _held(service, accounts) == 0

    await eventually(free, 20, "their places to be free")
    return time.monotonic() - began
