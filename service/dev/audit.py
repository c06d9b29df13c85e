"""Check pinned packages for known vulnerabilities: `make audit`.

pip-audit succeeds even if a vulnerability service knows none of the packages; this audit fails if
any package was not looked up.
"""

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click

SERVICES = ("pypi", "osv")
GOOD, VULNERABLE, NOT_AUDITED = 0, 1, 2

Dependency = dict[str, Any]


def audit(lock: Path) -> int:
    """Print the known vulnerabilities of the packages in a lock file; return the exit code."""
    for service in SERVICES:
        dependencies = _ask(service, lock)
        if dependencies:
            return _tell(dependencies)
    asked = " nor ".join(SERVICES)
    click.echo(f"not audited: neither {asked} answered for every package", err=True)
    return NOT_AUDITED


def _ask(service: str, lock: Path) -> Sequence[Dependency]:
    """Return the packages with their vulnerabilities; empty unless all were looked up."""
    command = [
        *(sys.executable, "-m", "pip_audit", "--vulnerability-service", service),
        *("--disable-pip", "--require-hashes", "--requirement", str(lock)),
        *("--format", "json", "--progress-spinner", "off"),
    ]
    output = subprocess.run(command, capture_output=True, check=False).stdout
    try:
        dependencies: Sequence[Dependency] = json.loads(output)["dependencies"]
    except (ValueError, KeyError):
        return ()
    return () if any("skip_reason" in found for found in dependencies) else dependencies


def _tell(dependencies: Sequence[Dependency]) -> int:
    known = list(_vulnerabilities(dependencies))
    click.echo(f"{len(dependencies)} packages, {len(known)} known vulnerabilities")
    for line in known:
        click.echo(line)
    return VULNERABLE if known else GOOD


def _vulnerabilities(dependencies: Sequence[Dependency]) -> Iterator[str]:
    for found in dependencies:
        for known in found["vulns"]:
            fixed = ", ".join(known["fix_versions"]) or "no version yet"
            yield f"{found['name']} {found['version']}: {known['id']}, fixed in {fixed}"


if __name__ == "__main__":
    sys.exit(audit(Path(sys.argv[1])))
