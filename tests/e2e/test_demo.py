"""The demonstration of `make run`: what it prints works, and what comes to it is shown."""

import asyncio
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest

from tests.dialects import HOOKS
from tests.e2e.test_command import left_behind

EVERY_HOOK = {hook.hook_id for hook in HOOKS}
ELSEWHERE = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/nonexistent"}
LONGEST_S = 90.0
JSON = {"Content-Type": "application/json"}


class Demonstration:
    """`switchhook dev`, and what it has printed so far."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.text = ""
        self.ran: dict[str, str] = {}

    async def read_until(self, done: Callable[[str], bool]) -> None:
        """Read what it prints until that is enough. Raises AssertionError with all of it."""
        assert self.process.stdout is not None
        try:
            async with asyncio.timeout(LONGEST_S):
                while not done(self.text):
                    chunk = await self.process.stdout.read(65_536)
                    assert chunk, self.text
                    self.text += chunk.decode()
        except TimeoutError:
            raise AssertionError(self.text) from None

    @property
    def commands(self) -> list[str]:
        """Every line that it proposes to paste."""
        _, _, proposed = self.text.partition("Paste these into another shell:")
        lines = [line.strip() for line in proposed.splitlines() if line.startswith("  ")]
        return [line for line in lines if not line.startswith("#")]

    def address(self, name: str) -> str:
        """Return one of the addresses that it prints."""
        found = re.search(rf"^  {name} +([^\s,]+)", self.text, re.MULTILINE)
        assert found, self.text
        return found[1]

    def rows(self, webhook: str) -> list[list[str]]:
        """Return the columns of what was shown for a webhook."""
        rows = [line.split() for line in self.text.splitlines()]
        return [row for row in rows if len(row) == 6 and row[1] == webhook]

    def hooks(self, webhook: str) -> list[str]:
        """Return the hooks of what was shown for a webhook."""
        return [row[0] for row in self.rows(webhook)]


@pytest.fixture(scope="module")
async def shown() -> AsyncIterator[Demonstration]:
    """A demonstration in which every command it printed was pasted into another shell."""
    clean = {key: value for key, value in os.environ.items() if key[:11] != "SWITCHHOOK_"}
    with tempfile.TemporaryDirectory(prefix="demo-") as directory:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "service", "dev"),
            env={**clean, "TMPDIR": directory},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        demonstration = Demonstration(process)
        try:
            await demonstration.read_until(lambda text: "Ctrl-C stops all of it." in text)
            for command in demonstration.commands:
                demonstration.ran[command] = await pasted(command)
            yield demonstration
        finally:
            process.send_signal(signal.SIGINT)
            await process.communicate()
        assert process.returncode == 0
        assert left_behind(directory) == []


async def pasted(command: str) -> str:
    """Run a line in a shell that knows nothing of ours, elsewhere. Raises where it fails."""
    done = await asyncio.to_thread(
        subprocess.run,
        ["bash", "-o", "pipefail", "-c", command],
        cwd="/",
        env=ELSEWHERE,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, (command, done.stdout, done.stderr)
    return done.stdout


async def test_the_call_may_be_one_of_voipbin() -> None:
    clean = {key: value for key, value in os.environ.items() if key[:11] != "SWITCHHOOK_"}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "service", "dev", "--once"),
        env={**clean, "SOURCE": "voipbin"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    text, _ = await process.communicate()
    assert process.returncode == 0, text
    rows = [row.split() for row in text.decode().splitlines() if "verified" in row]
    hooks = {row[0] for row in rows if row[1] == "good"}
    assert hooks == {"call_created", "call_ringing", "call_progressing", "call_hangup"}
    assert [row[3] for row in rows if row[1] == "flaky"] == ["503", "503", "200"]


def test_every_printed_command_says_something(shown: Demonstration) -> None:
    outputs = list(shown.ran.values())
    assert len(outputs) >= 5
    failures, created, emitted, link, given_up, counted = outputs
    assert [row["resp_status_code"] for row in orjson.loads(failures)["data"]] == ["503"] * 2
    assert orjson.loads(created)["data"]["uri"] == f"{shown.address('receiver')}/mine"
    assert emitted.startswith("published 10 events of call ")
    assert "/console/portal/" in link
    assert given_up == ""
    assert "switchhook_deliveries_total" in counted


async def test_the_events_of_every_hook_are_accepted_and_shown(shown: Demonstration) -> None:
    def all_shown(_: str) -> bool:
        return set(shown.hooks("good")) == set(shown.hooks("/mine")) == EVERY_HOOK

    await shown.read_until(all_shown)
    assert {row[3] for row in shown.rows("good") + shown.rows("/mine")} == {"200"}
    assert {row[5] for row in shown.rows("good")} == {"verified"}
    assert {row[5] for row in shown.rows("/mine")} == {"signed"}
    assert all(webhook["enabled"] for webhook in await webhooks(shown))
    log = await asyncio.to_thread(Path(shown.address("log")).read_text)
    assert "Traceback" not in shown.text + log
    assert '"exception"' not in log


def test_ms_counts_from_the_event_that_a_request_tells_of(shown: Demonstration) -> None:
    rows = shown.rows("good") + shown.rows("form") + shown.rows("flaky")
    known = [row for row in rows if row[4] != "-"]
    assert len(known) == 8
    first = [int(row[4]) for row in known if row[2] == "1"]
    assert len(first) == 6
    assert max(first) < 5_000
    waited = {row[2]: int(row[4]) for row in known if row[1] == "flaky"}
    assert waited["1"] + 500 < waited["2"] < waited["3"]


async def test_any_request_to_any_path_is_accepted_and_shown(shown: Demonstration) -> None:
    bodies: tuple[dict[str, Any], ...] = (
        {"data": b"\xff\xfe"},
        {"json": [1]},
        {"data": b"{", "headers": JSON},
        {},
    )
    paths = [f"/odd/{number}" for number in range(len(bodies))]
    async with aiohttp.ClientSession() as session:
        for path, body in zip(paths, bodies, strict=True):
            url = f"{shown.address('receiver')}{path}?a=b"
            async with session.post(url, **body) as response:
                assert response.status == 200
        forged = {"webhook-signature": "v1,AAAA"}
        async with session.get(f"{shown.address('receiver')}/good", headers=forged) as response:
            assert response.status == 200
    await shown.read_until(lambda _: all(shown.rows(path) for path in paths))
    for path in paths:
        assert shown.rows(path) == [["-", path, "-", "200", "-", "none"]]


async def webhooks(shown: Demonstration) -> Any:
    header = next(part for part in shown.commands[0].split() if part.startswith("@"))
    command = f"curl -fsS -H {header} {shown.address('API')}"
    return orjson.loads(await pasted(command))["data"]


async def test_a_replay_counts_from_nothing(shown: Demonstration) -> None:
    [listed] = [command for command in shown.commands if "filter_result" in command]
    attempts = orjson.loads(await pasted(listed))["data"]
    attempt = attempts[0]
    again = listed.partition('"')[0] + (
        f"-X POST {shown.address('API')}/{attempt['hook_id']}/attempts/{attempt['id']}/replay"
    )
    before = len(shown.rows("flaky"))
    began = time.monotonic()
    await pasted(again)
    await shown.read_until(lambda _: len(shown.rows("flaky")) > before)
    assert time.monotonic() - began < LONGEST_S
    assert shown.rows("flaky")[-1][4] == "-"
