#!/usr/bin/env bash
# Prepares this machine for `make run` and `make test`: RabbitMQ, what mongod links against, and what
# the tests make certificates with from Debian, the Python dependencies from the lock file, and a
# Prometheus to try alarms and dashboard with. With `--tests`, a Chromium with a font as well, for
# tests/browser. Does nothing that is done already.
set -euo pipefail
cd "$(dirname "$0")/.."
venv=.venv
lock=deploy/requirements-dev.lock
stamp=$venv/.installed

needed=()
[ -d /usr/lib/rabbitmq/lib ] || [ -n "${SWITCHHOOK_AMQP__URL:-}" ] || needed+=(rabbitmq-server)
ldconfig -p | grep libcurl.so.4 >/dev/null || [ -n "${SWITCHHOOK_MONGO__URL:-}" ] || needed+=(libcurl4)
python3 -c 'import ensurepip' 2>/dev/null || needed+=(python3-venv)
command -v openssl >/dev/null || needed+=(openssl)
if [ "${1:-}" = --tests ]; then
    command -v chromium chromium-browser google-chrome >/dev/null || needed+=(chromium fonts-dejavu-core)
fi
if [ ${#needed[@]} -gt 0 ]; then
    if [ "$(id -u)" -ne 0 ]; then
        echo "Missing: ${needed[*]}. As root: apt-get install ${needed[*]}" >&2
        echo "Or point SWITCHHOOK_AMQP__URL and SWITCHHOOK_MONGO__URL at running servers." >&2
        exit 1
    fi
    echo "installing ${needed[*]} ..."
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${needed[@]}" >/dev/null
fi

if [ ! -e "$stamp" ] || [ "$lock" -nt "$stamp" ] || [ pyproject.toml -nt "$stamp" ]; then
    python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
        echo "Python 3.11 or later is needed; this is $(python3 --version)." >&2
        exit 1
    }
    echo "installing the Python dependencies into $venv ..."
    [ -x $venv/bin/python ] || python3 -m venv $venv
    $venv/bin/pip install --quiet --disable-pip-version-check --require-hashes -r $lock
    $venv/bin/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
    touch "$stamp"
fi

# Unpacked, not installed: installing it would start a Prometheus of its own, and needs root.
prometheus=.run/prometheus
if ! command -v promtool >/dev/null && [ ! -x $prometheus/usr/bin/promtool ]; then
    echo "unpacking prometheus into $prometheus ..."
    rm -rf $prometheus $prometheus.new
    mkdir -p $prometheus.new
    fetch() { (cd $prometheus.new && apt-get download -qq prometheus 2>/dev/null); }
    fetch || { [ "$(id -u)" -eq 0 ] && apt-get update -qq && fetch; } ||
        echo "Prometheus cannot be downloaded, so tests/watch will fail. As root: apt-get update" >&2
    for package in $prometheus.new/*.deb; do
        [ ! -e "$package" ] || { dpkg -x "$package" $prometheus.new && rm "$package"; }
    done
    mv $prometheus.new $prometheus
fi
