"""Prometheus' own programs, as `deploy/setup.sh` brings them, and the files they are to judge."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import yaml

from service.dev.documents import ROOT

UNPACKED = ROOT / ".run" / "prometheus" / "usr" / "bin"
RULES = ROOT / "deploy" / "prometheus"
RULE_FILES = (RULES / "recording.yml", RULES / "alerts.yml")


def program(name: str) -> str:
    """Return where `prometheus` or `promtool` is; fails where it is not."""
    found = shutil.which(name) or shutil.which(name, path=UNPACKED)
    assert found, f"no {name}: run deploy/setup.sh"
    return found


def promtool(*arguments: str) -> str:
    """Run promtool; return what it printed, and fail with it where it found fault."""
    ended = subprocess.run(
        [program("promtool"), *arguments], capture_output=True, text=True, check=False
    )
    said = ended.stdout + ended.stderr
    assert ended.returncode == 0, said
    return said


def alerts() -> dict[str, dict[str, Any]]:
    """Return the alerting rules by name."""
    groups = _read(RULES / "alerts.yml")["groups"]
    return {rule["alert"]: rule for group in groups for rule in group["rules"]}


def cases() -> dict[str, dict[str, Any]]:
    """Return under which figures each alarm fires, and under which it keeps quiet."""
    return _read(Path(__file__).parent / "alerts.yaml")


def _read(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(path.read_text("utf-8"))
    return content
