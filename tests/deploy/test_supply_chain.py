"""What is said about the dependencies: their known vulnerabilities, and a list of them."""

import asyncio
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from service.dev import audit
from service.dev.documents import ROOT
from service.dev.servers import HOST, free_port

LOCK = ROOT / "deploy" / "requirements.lock"


def pinned() -> dict[str, set[str]]:
    """Return the hashes of every package of the lock file, by name and version."""
    parts = re.split(r"^(?=[a-z])", LOCK.read_text("utf-8"), flags=re.MULTILINE)
    return {
        part.split()[0]: set(re.findall(r"--hash=sha256:(\w+)", part)) for part in parts if part
    }


async def test_an_audit_that_reaches_nobody_says_so_in_a_line_and_fails() -> None:
    nowhere = f"http://{HOST}:{free_port()}"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "service.dev.audit", str(LOCK)),
        env=os.environ | {"HTTPS_PROXY": nowhere, "https_proxy": nowhere, "NO_PROXY": ""},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    said, complained = await process.communicate()
    assert process.returncode == audit.NOT_AUDITED
    assert said == b""
    assert complained.decode().splitlines() == [
        "not audited: neither pypi nor osv answered for every package"
    ]


@pytest.mark.parametrize(
    ("vulnerabilities", "code"),
    [([], audit.GOOD), ([{"id": "PYSEC-1", "fix_versions": ["1.1"]}], audit.VULNERABLE)],
)
def test_an_audit_fails_for_a_known_vulnerability(
    vulnerabilities: list[dict[str, object]], code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    found = {"name": "some", "version": "1.0", "vulns": vulnerabilities}
    assert audit._tell([found]) == code
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"1 packages, {len(vulnerabilities)} known vulnerabilities"
    assert lines[1:] == ["some 1.0: PYSEC-1, fixed in 1.1"] * len(vulnerabilities)


def test_the_list_has_every_package_with_its_hashes(tmp_path: Path) -> None:
    recipe = re.search(r"cyclonedx-py (requirements .*) -o", (ROOT / "Makefile").read_text("utf-8"))
    assert recipe
    output = tmp_path / "sbom.json"
    command = [str(Path(sys.executable).parent / "cyclonedx-py"), *recipe[1].split()]
    subprocess.run([*command, "-o", str(output)], cwd=ROOT, check=True, capture_output=True)
    components = json.loads(output.read_text("utf-8"))["components"]
    listed = {
        f"{component['name']}=={component['version']}": {
            found["content"]
            for reference in component["externalReferences"]
            for found in reference.get("hashes", [])
        }
        for component in components
    }
    assert listed == pinned()
    assert all(pinned().values())
