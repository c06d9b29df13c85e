"""The benchmark as one command; what it measures is nobody's promise, that it measures is."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

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
