"""The commands of the runbook do something on the running service and broker."""

import asyncio
import os
import re
import sys
from pathlib import Path

from service.dev.documents import ROOT
from service.dev.rabbit_server import RABBITMQ_HOME
from tests.watch.monitored import Monitored

ELSEWHERE = ("systemctl", "getent")
"""What a machine of tests has not got: systemd, and a way out."""
SLOW = ("switchhook", "rabbitmq")
"""Programs that take a second to start: of lines that begin alike only the longest is tried."""
AT_ONCE = 4


def commands() -> list[str]:
    """Return the lines of the alarms' blocks of commands, each once; the tasks change things."""
    text = (ROOT / "deploy" / "RUNBOOK.md").read_text("utf-8")
    alarms, _, _ = text.partition("## Recurring tasks")
    blocks = re.findall(r"^```sh\n(.*?)^```", alarms, re.MULTILINE | re.DOTALL)
    lines = (re.sub(r"\s{2,}#.*", "", line) for block in blocks for line in block.splitlines())
    chosen: dict[str, str] = {}
    for line in sorted(lines, key=len):
        if not line.startswith(ELSEWHERE):
            chosen[" ".join(line.split()[:3]) if line.startswith(SLOW) else line] = line
    return list(chosen.values())


async def test_the_commands_of_the_runbook_work(monitored: Monitored) -> None:
    places, limit = _places(monitored), asyncio.Semaphore(AT_ONCE)
    environment = _environment(monitored)

    async def tried(line: str) -> str | None:
        async with limit:
            return await _problem(_here(line, places), environment)

    lines = commands()
    assert len(lines) > 25
    problems = await asyncio.gather(*map(tried, lines))
    assert [problem for problem in problems if problem] == []


async def _problem(line: str, environment: dict[str, str]) -> str | None:
    """Run a line; return what is wrong with it. To find nothing is no fault of `grep`."""
    process = await asyncio.create_subprocess_exec(
        *("bash", "-o", "pipefail", "-c", line),
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, complaint = await process.communicate()
    good = process.returncode == 0 or ("grep" in line and process.returncode == 1)
    if good and (not complaint or complaint.endswith(b" shown\n")):
        return None
    return f"{line}: {process.returncode} {output[-300:]!r} {complaint[-300:]!r}"


def _here(line: str, places: dict[str, str]) -> str:
    for there, here in places.items():
        line = line.replace(there, here)
    return line


def _places(monitored: Monitored) -> dict[str, str]:
    return {
        "curl -s ": "curl -sSf ",
        "localhost:8080": f"localhost:{monitored.service.port}",
        "localhost:9108": f"localhost:{monitored.service.metrics_port}",
        "localhost:15692": f"localhost:{monitored.broker.metrics_port}",
        "journalctl -u switchhook -o cat": f"tail {monitored.service.log}",
    }


def _environment(monitored: Monitored) -> dict[str, str]:
    """Return the service's settings, the broker's node, and the way to the programs of both."""
    (programs,) = RABBITMQ_HOME.glob("rabbitmq_server-*/sbin")
    path = f"{Path(sys.executable).parent}:{programs}:{os.environ['PATH']}"
    return {**monitored.broker.environment(), **monitored.settings, "PATH": path}
