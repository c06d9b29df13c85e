#!/usr/bin/env bash
# Unit, property and integration tests on the newest versions there are, whatever pyproject.toml
# bounds and the lock file pins, in an environment of their own. Only exact pins stay: the server
# that tests run against, and the build tool. Arguments go to pytest.
set -euo pipefail
cd "$(dirname "$0")/.."
venv=.run/newest
mkdir -p .run
[ -x $venv/bin/python ] || python3 -m venv $venv
$venv/bin/python - >.run/newest.txt <<'PYTHON'
import re
import tomllib
from pathlib import Path

project = tomllib.loads(Path("pyproject.toml").read_text())
groups = project["dependency-groups"]
wanted = [*project["project"]["dependencies"], *groups["build"], *groups["dev"]]
for one in wanted:
    if isinstance(one, str):
        print(one if "==" in one else re.match(r"[\w.-]+", one)[0])
PYTHON
pip=("$venv/bin/pip" --quiet --disable-pip-version-check)
"${pip[@]}" install --upgrade --upgrade-strategy eager -r .run/newest.txt
"${pip[@]}" install --no-deps --no-build-isolation -e .
echo "other than in deploy/requirements-dev.lock:"
comm -13 <(grep -oE '^[A-Za-z0-9._-]+==[^ ]+' deploy/requirements-dev.lock | tr 'A-Z_' 'a-z-' | sort) \
    <($venv/bin/pip list --format freeze --exclude-editable | tr 'A-Z_' 'a-z-' | sort) | sed 's/^/  /'
[ $# -gt 0 ] || set -- tests/unit tests/property tests/integration
exec $venv/bin/pytest "$@"
