"""The machine itself fails: names that do not resolve, a clock that jumps, no files left."""

import asyncio
import resource
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import aiohttp
import pytest

from service.dev.process import ServiceProcess
from service.dev.receiver import ScriptedAnswer
from tests.chaos.rig import Rig
from tests.chaos.tally import Stopwatch
from tests.e2e.harness import eventually

NAME = "hooks.switchhook.test"
MOST_FILES = 64
NOTHING_SENT = 'switchhook_deferrals_total{reason="nothing_sent"}'
UNREACHABLE = 'switchhook_attempts_total{outcome="unreachable"}'
FAKETIME = [*Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1")]


class OwnNames(ServiceProcess):
    """A service that resolves names by a hosts file of its own, in a mount namespace of its own."""

    @property
    def hosts(self) -> Path:
        """The file it looks names up in, and in nothing else."""
        return self.directory / "hosts"

    def command(self) -> Sequence[str]:
        """See `Server`."""
        self.hosts.touch()
        switch = self.directory / "nsswitch.conf"
        switch.write_text("hosts: files\n", "utf-8")
        script = 'mount --bind "$1" /etc/hosts && mount --bind "$2" /etc/nsswitch.conf && shift 2 && exec "$@"'  # noqa: E501
        shell = ["sh", "-c", script, "sh", str(self.hosts), str(switch)]
        return ["unshare", "--mount", *shell, *super().command()]


@pytest.mark.long
async def test_a_name_that_fails_to_resolve_and_then_does_costs_no_event(rig: Rig) -> None:
    namespaces = subprocess.run(  # noqa: ASYNC221 (it takes a millisecond)
        ["unshare", "--mount", "true"], capture_output=True, check=False
    )
    if namespaces.returncode:
        pytest.skip("a mount namespace needs root; without it the machine's DNS would be touched")
    url = await rig.sink.url("127.6.0.1", "/named")
    accounts = await rig.healthy(5)
    named = await rig.account(url.replace("127.6.0.1", NAME), retries=5)
    own = {"SWITCHHOOK_EGRESS__ALLOW_NAMES": f'["{NAME}"]'}
    service = await rig.start(OwnNames, own)
    load, before = await rig.under_load([*accounts, named], 50, 2)
    # For longer, and it would be switched off.
    seconds = 12 if rig.full else 3
    with Stopwatch() as fault:
        await asyncio.sleep(seconds)
    outcomes = await rig.database["attempts"].distinct("outcome", {"account_id": named})
    assert outcomes == ["dns_failed"]
    service.hosts.write_text(f"127.6.0.1 {NAME}\n", "utf-8")
    await asyncio.sleep(2)
    await load.stop()
    row = await rig.verdict(
        f"DNS fails for {seconds} s, then recovers",
        before=before,
        during=fault.span,
        healthy=accounts,
    )
    assert rig.sink.at("/named"), row


@pytest.mark.long
async def test_a_process_without_file_descriptors_loses_nothing(rig: Rig) -> None:
    rig.sink.answer("/ok", ScriptedAnswer(delay_s=2))
    accounts = [
        await rig.account(await rig.sink.url(f"127.7.0.{n}", "/ok"), retries=5)
        for n in range(1, 11)
    ]
    service = await rig.service()
    # It made its pool as large as the descriptors allowed; somebody else takes them away now.
    resource.prlimit(service.pid, resource.RLIMIT_NOFILE, (MOST_FILES, MOST_FILES))
    load = rig.load(accounts)
    with Stopwatch() as fault:
        load.start(50)
        await asyncio.sleep(60 if rig.full else 10)
    await load.stop()
    await rig.verdict(
        f"{MOST_FILES} file descriptors for 100 requests at a time",
        120,
        during=fault.span,
        note="requests for which there was none are put off, without an attempt",
    )

    async def ready() -> bool:
        # Connections that are kept alive hold descriptors for a while.
        with suppress(aiohttp.ClientConnectionError):
            return (await service.get("/readyz"))[0] == 200
        return False

    await eventually(ready, 60, "readiness")
    metrics = await service.metrics()
    assert metrics[NOTHING_SENT] > 0, "there were descriptors enough"
    assert metrics[UNREACHABLE] == 0, "no receiver is to blame"


@pytest.mark.long
async def test_a_clock_that_is_stepped_loses_and_repeats_nothing(rig: Rig, tmp_path: Path) -> None:
    if not FAKETIME:
        pytest.skip("no libfaketime: apt-get install faketime")
    accounts = await rig.healthy(5)
    clock = tmp_path / "clock"
    clock.write_text("+0\n", "utf-8")
    await rig.service(
        LD_PRELOAD=str(FAKETIME[0]),
        FAKETIME_TIMESTAMP_FILE=str(clock),
        FAKETIME_NO_CACHE="1",
        FAKETIME_DONT_FAKE_MONOTONIC="1",
        DONT_FAKE_MONOTONIC="1",
    )
    load, before = await rig.under_load(accounts, 50, 2)
    with Stopwatch() as fault:
        for step in ("+3600", "-3600", "-86400", "+31536000", "+0"):
            clock.write_text(f"{step}\n", "utf-8")
            await asyncio.sleep(10 if rig.full else 1)
    await load.stop()
    await rig.verdict(
        "clock stepped by an hour, a day, a year, and back",
        before=before,
        during=fault.span,
        healthy=accounts,
    )
    started = await rig.database["attempts"].distinct("started_at")
    spread_s = max(started).timestamp() - min(started).timestamp()
    assert spread_s > 31_000_000, "the clock was not stepped at all"
