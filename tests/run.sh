#!/usr/bin/env bash
# Every test that CI runs, in three rows beside each other: two of them mostly wait, the third mostly
# computes. What the second and the third had to say is shown when they are done.
set -uo pipefail
cd "$(dirname "$0")/.."
mkdir -p .run
# The service is started some hundred times, which takes a quarter less with its bytecode at hand. No
# test trusts a public authority, and OpenSSL reads all of them for every sender of requests.
unset PYTHONDONTWRITEBYTECODE
export SSL_CERT_FILE=/dev/null
api=(tests/e2e/test_api_*.py)

compute() {
  # Those that promise nothing about time leave the processors to the rows that do.
  local failed=0
  nice .venv/bin/mypy || failed=1
  nice .venv/bin/pytest tests/unit tests/property || failed=1
  env --default-signal=INT .venv/bin/pytest tests/integration tests/browser "${api[@]}" || failed=1
  return $failed
}

compute > .run/computing.log 2>&1 &
computing=$!
# The shell has its background jobs ignore SIGINT, which tests send to commands.
env --default-signal=INT .venv/bin/pytest tests/e2e "${api[@]/#/--ignore=}" > .run/e2e.log 2>&1 &
e2e=$!
.venv/bin/pytest tests/chaos tests/deploy tests/watch
first=$?
wait $e2e
second=$?
wait $computing
third=$?
cat .run/e2e.log .run/computing.log
exit $((first || second || third))
