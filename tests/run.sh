#!/usr/bin/env bash
# Every test that CI runs. The long ones mostly wait, so everything else runs beside them; what that
# had to say is shown when it is done.
set -uo pipefail
cd "$(dirname "$0")/.."
mkdir -p .run
(.venv/bin/mypy && .venv/bin/pytest tests/unit tests/property tests/integration) \
  > .run/tests.log 2>&1 &
.venv/bin/pytest tests/chaos tests/e2e
waiting=$?
wait %1
others=$?
cat .run/tests.log
exit $((waiting || others))
