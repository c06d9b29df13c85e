"""The benchmark as one command; what it measures is nobody's promise, that it measures is."""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests.e2e.harness import eventually

COMMAND = (sys.executable, "-m", "service", "bench", "--quick", "--pairs", "1", "--events", "1500")


@pytest.mark.timeout(300)
async def test_a_quick_run_reports_both_ratios_with_the_conditions_they_were_taken_under(
    tmp_path: Path,
) -> None:
    finished = await asyncio.to_thread(
        subprocess.run,
        [*COMMAND, "--output", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert "deliveries/s, 10 webhooks per event" in finished.stdout

    report = json.loads((tmp_path / "bench.json").read_text())
    assert report["machine"]["cores"] >= 1
    assert {"python", "rabbitmq", "mongod", "aiohttp"} <= report["versions"].keys()
    assert report["sink"] in ("nginx", "receiver")
    for name in ("drain_1", "drain_10"):
        result = report["results"][name]
        assert len(result["ratio"]["values"]) == 1
        for kind in ("floor", "service"):
            assert result[kind]["per_s"]["median"] > 0
            assert result[kind]["cpu_us"]["median"] > 0
            assert result[kind]["peak_mb"] > 10
    ET.parse(tmp_path / "bench.svg")  # noqa: S314 (written by us)


@pytest.mark.timeout(120)
async def test_a_run_that_is_stopped_leaves_no_process_behind(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        *COMMAND,
        *("--output", str(tmp_path)),
        env=os.environ | {"TMPDIR": str(tmp_path)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )

    async def sink_runs() -> bool:
        return bool(_processes_of(tmp_path, "nginx", "receiver"))

    await eventually(sink_runs, timeout_s=60, what="the sink's start")
    process.terminate()
    _, error = await process.communicate()
    assert process.returncode == 1
    assert error.decode() == "problem  stopped before the measurements were complete\n"
    assert _processes_of(tmp_path) == []


def _processes_of(directory: Path, *names: str) -> list[str]:
    """Return the commands that work in a directory, those of one of the names if there are any."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            command = (entry / "cmdline").read_text("utf-8", "replace")
            environment = (entry / "environ").read_text("utf-8", "replace")
        except OSError:
            continue
        if f"TMPDIR={directory}" in environment and "\0bench\0" not in command:
            found.append(command)
    return [command for command in found if not names or any(name in command for name in names)]
