#!/usr/bin/env bash
# Every test that CI runs, in two rows beside each other, as the long ones mostly wait. What the second
# row had to say is shown when it is done.
set -uo pipefail
cd "$(dirname "$0")/.."
mkdir -p .run
more=(tests/e2e/test_api_*.py tests/e2e/test_{console,disabling,moving,secrets,tracing}.py)
(.venv/bin/mypy && .venv/bin/pytest tests/unit tests/property tests/integration tests/deploy tests/watch \
  tests/browser "${more[@]}") \
  > .run/tests.log 2>&1 &
.venv/bin/pytest tests/chaos tests/e2e "${more[@]/#/--ignore=}"
first=$?
wait %1
second=$?
cat .run/tests.log
exit $((first || second))
