#!/usr/bin/env bash
# Every test that CI runs, in parts: three at a time, since most of them mostly wait, and the longest
# first. What a part printed is shown when it ends. With the name of a part, runs that part alone.
set -uo pipefail
cd "$(dirname "$0")/.."
parts=(chaos service commands api integration unit servers types)
# Bytecode makes a start a quarter shorter. No test trusts a public authority, and OpenSSL reads all of
# them for every sender of requests.
unset PYTHONDONTWRITEBYTECODE
export SSL_CERT_FILE=/dev/null

api=(tests/e2e/test_api_*.py)
commands=(tests/e2e/test_{bench,command,console,deadletters,demo,readme,secrets,stream,topology}*.py)

tests_of() {
  # SIGINT is ignored by what a shell runs in the background; tests send it to commands.
  env --default-signal=INT .venv/bin/pytest --durations=8 --durations-min=2 "$@"
}

part() {
  case $1 in
    chaos) tests_of tests/chaos ;;
    service) tests_of tests/e2e "${api[@]/#/--ignore=}" "${commands[@]/#/--ignore=}" ;;
    commands) tests_of "${commands[@]}" ;;
    api) tests_of "${api[@]}" ;;
    integration) tests_of tests/integration tests/browser ;;
    # Those that promise nothing about time leave the processors to the others.
    unit) renice -n 10 $$ && tests_of tests/unit tests/property ;;
    servers) tests_of tests/deploy tests/watch ;;
    types) nice .venv/bin/mypy ;;
  esac
}

if [ $# -gt 0 ]; then
  mkdir -p .run/parts
  part "$1" > ".run/parts/$1.log" 2>&1
  failed=$?
  printf '== %s: %s s\n%s\n' "$1" $SECONDS "$(< ".run/parts/$1.log")"
  exit $failed
fi
printf '%s\n' "${parts[@]}" | xargs -P 3 -n 1 tests/run.sh
