"""Output of `make run`: a line for each request, and commands to try next."""

import shlex
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl

import click
import orjson

from service.dev.receiver import ReceivedRequest

COLUMNS = f"{'hook':16} {'webhook':8} {'attempt':>7} {'status':>6} {'ms':>6}  signature"
UNKNOWN = "-"
SIGNED = ("webhook-id", "webhook-timestamp", "webhook-signature")


@dataclass(frozen=True, slots=True)
class DemoWebhook:
    """One of the webhooks of the demo account."""

    name: str
    path: str
    secret: bytes


class Screen:
    """Prints each request as it arrives, and knows when the call is complete."""

    def __init__(self, owed: frozenset[tuple[str, str]]) -> None:
        self._owed = owed
        self._webhooks: dict[str, DemoWebhook] = {}
        self._published: dict[tuple[str, str], float] = {}
        self._delivered: set[tuple[str, str]] = set()

    def expect(self, webhooks: Sequence[DemoWebhook]) -> None:
        """Set the demo's own webhooks, with their secrets."""
        self._webhooks = {webhook.path: webhook for webhook in webhooks}

    def published(self, call_id: str, hook_id: str) -> None:
        """Note the time at which an event of a call is published."""
        self._published[call_id, hook_id] = time.monotonic()

    def show(self, request: ReceivedRequest) -> None:
        """Print one line for a request from any sender.

        `ms` counts from the publishing of the event, if the demonstration itself published it.
        """
        webhook = self._webhooks.get(request.path)
        hook_id = _hook_of(request.headers)
        signature = _signature(request, webhook)
        if webhook is not None and signature == "verified" and 200 <= request.answered < 300:
            self._delivered.add((hook_id, webhook.name))
        name = request.path if webhook is None else webhook.name
        attempt = request.headers.get("X-Switchhook-Attempt", UNKNOWN)
        click.secho(
            f"{hook_id:16} {name:8} {attempt:>7} {request.answered:>6} "
            f"{self._since(request, hook_id):>6}  {signature}",
            fg=_colour(request.answered, signature),
        )

    def complete(self) -> bool:
        """Return whether every delivery of the call has succeeded."""
        return self._owed <= self._delivered

    def _since(self, request: ReceivedRequest, hook_id: str) -> str:
        published = self._published.get((_call_of(request), hook_id))
        if published is None or "X-Switchhook-Replay" in request.headers:
            return UNKNOWN
        return f"{(request.at - published) * 1000:.0f}"


def what_next(
    addresses: Mapping[str, str], config: Path, token_header: Path, account_id: str
) -> str:
    """Return the addresses of all servers, and commands that work in any shell and directory.

    `addresses` are those of `console`, `api`, `receiver`, `health`, `metrics` and `log`.
    """
    return _servers(addresses) + _commands(addresses, config, token_header, account_id)


def _servers(addresses: Mapping[str, str]) -> str:
    return f"""
All events were delivered, each request signed. Switchhook stays up.

In a browser (the link opens the console for 10 minutes):

  {addresses["console"]}

  API       {addresses["api"]}/webhooks
  health    {addresses["health"]}/healthz and /readyz
  metrics   {addresses["metrics"]}/metrics
  receiver  {addresses["receiver"]}, any path: its requests are shown here
  log       {addresses["log"]}
"""


def _commands(
    addresses: Mapping[str, str], config: Path, token_header: Path, account_id: str
) -> str:
    curl = f"curl -fsS -H {shlex.quote(f'@{token_header}')}"
    switchhook, file = _command(), shlex.quote(str(config))
    mine = orjson.dumps(
        {"data": {"name": "mine", "uri": f"{addresses['receiver']}/mine", "hook": "all"}}
    ).decode()
    return f"""
Paste these into another shell:

  # Every attempt that failed
  {curl} "{addresses["api"]}/webhooks/attempts?filter_result=failure"

  # A webhook of your own on all hooks, at the receiver of this demonstration
  {curl} -X PUT {addresses["api"]}/webhooks -d '{mine}'

  # One event for every hook
  {switchhook} emit --config {file} --account {account_id} --all

  # Another link for the console
  {switchhook} portal --config {file} --account {account_id}

  # Dead letters
  {switchhook} deadletters list --config {file}

  # Counts of deliveries
  curl -fsS {addresses["metrics"]}/metrics | grep ^switchhook_deliveries_total

Ctrl-C stops all of it.
"""


def _command() -> str:
    """Return a command line for `switchhook` that works in any directory, without PATH."""
    script = Path(sys.executable).with_name("switchhook")
    words = [str(script)] if script.exists() else [sys.executable, "-m", "service"]
    return shlex.join(words)


def _hook_of(headers: Mapping[str, str]) -> str:
    return headers.get("X-Switchhook-Schema", UNKNOWN).partition("/")[0]


def _call_of(request: ReceivedRequest) -> str:
    """Return the call id in a body of any format and dialect; "" if it has none."""
    if request.headers.get("Content-Type") == "application/json":
        try:
            payload = orjson.loads(request.body)
        except orjson.JSONDecodeError:
            return ""
        if not isinstance(payload, dict):
            return ""
        resource = payload.get("data")
        about = resource.get("id", "") if isinstance(resource, dict) else ""
        return str(payload.get("call_id", about))
    return dict(parse_qsl(request.body.decode("utf-8", "replace"))).get("call_id", "")


def _signature(request: ReceivedRequest, webhook: DemoWebhook | None) -> str:
    if any(name not in request.headers for name in SIGNED):
        return "none"
    if webhook is None:
        # The secret is known only to the client that created the webhook.
        return "signed"
    return "verified" if request.genuine(webhook.secret) else "WRONG"


def _colour(status: int, signature: str) -> str:
    if signature == "WRONG":
        return "red"
    return "green" if 200 <= status < 300 else "yellow"
