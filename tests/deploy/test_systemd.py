"""The unit, the user and the files for systemd, as systemd itself reads them."""

import os
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from service.dev.documents import ROOT
from service.settings.load import load_settings

FOLDER = ROOT / "deploy" / "systemd"
UNIT = FOLDER / "switchhook.service"
MOST_EXPOSED = 1.2


def needs(program: str) -> pytest.MarkDecorator:
    missing = shutil.which(program) is None
    return pytest.mark.skipif(missing, reason=f"{program} is not installed")


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, check=False, capture_output=True, text=True)


@needs("systemd-analyze")
def test_systemd_understands_the_unit(tmp_path: Path) -> None:
    text = UNIT.read_text("utf-8").replace("/opt/switchhook/bin", str(Path(sys.executable).parent))
    unit = tmp_path / UNIT.name
    unit.write_text(text)
    found = run("systemd-analyze", "verify", "--man=no", str(unit))
    ours = [line for line in found.stderr.splitlines() if UNIT.name in line]
    assert (found.returncode, ours) == (0, []), found.stderr


@needs("systemd-analyze")
def test_the_unit_is_as_confined_as_its_document_says() -> None:
    found = run("systemd-analyze", "security", "--offline=yes", "--no-pager", str(UNIT))
    level = re.search(r"Overall exposure level for switchhook.service: ([\d.]+)", found.stdout)
    assert level, found.stdout + found.stderr
    assert float(level[1]) <= MOST_EXPOSED
    document = (ROOT / "deploy" / "SECURITY.md").read_text("utf-8")
    assert re.findall(r"`systemd-analyze\s+security`: ([\d.]+)", document) == [str(MOST_EXPOSED)]


def test_the_unit_waits_for_longer_than_the_service_needs_to_stop() -> None:
    limit = re.search(r"^TimeoutStopSec=(\d+)$", UNIT.read_text("utf-8"), re.MULTILINE)
    assert limit
    example = ROOT / "config" / "production.example.yaml"
    keys = {"SWITCHHOOK_SECRETS__KEYS_FILE": "null"}
    grace_s = load_settings(str(example), keys).shutdown.grace_s
    assert int(limit[1]) > grace_s + 10, "ten seconds later the supervisor kills a late worker"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files to others")
@needs("systemd-sysusers")
@needs("systemd-tmpfiles")
def test_the_user_is_made_and_its_files_are_its_alone(tmp_path: Path) -> None:
    etc = tmp_path / "etc" / "switchhook"
    etc.mkdir(parents=True)
    for name in ("config.yaml", "keys", "environment"):
        (etc / name).touch(0o644)
    made = run("systemd-sysusers", f"--root={tmp_path}", str(FOLDER / "sysusers.conf"))
    assert made.returncode == 0, made.stderr
    user = (tmp_path / "etc" / "passwd").read_text().splitlines()[-1].split(":")
    assert (user[0], user[6]) == ("switchhook", "/usr/sbin/nologin")
    put = run("systemd-tmpfiles", "--create", f"--root={tmp_path}", str(FOLDER / "tmpfiles.conf"))
    assert put.returncode == 0, put.stderr
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (etc, *etc.iterdir())}
    assert modes == {"switchhook": 0o750, "config.yaml": 0o640, "keys": 0o640, "environment": 0o600}
    groups = {path.name: path.stat().st_gid for path in (etc, *etc.iterdir())}
    ours = int(user[3])
    assert groups == {"switchhook": ours, "config.yaml": ours, "keys": ours, "environment": 0}


def test_the_unit_runs_as_the_user_that_is_made() -> None:
    user = re.search(r"^u (\S+) ", (FOLDER / "sysusers.conf").read_text(), re.MULTILINE)
    assert user
    assert f"\nUser={user[1]}\nGroup={user[1]}\n" in UNIT.read_text("utf-8")
    assert f" root {user[1]}\n" in (FOLDER / "tmpfiles.conf").read_text()


def test_every_file_that_installing_takes_is_there() -> None:
    head = UNIT.read_text("utf-8").partition("[Unit]")[0]
    taken = re.findall(r"(?:deploy|config)/\S+", head)
    assert len(taken) == 6
    assert all((ROOT / path).is_file() for path in taken)
