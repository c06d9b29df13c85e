"""`make run`: the whole product on one machine, from a call on the bus to its callbacks."""

import asyncio
import os
import signal
import socket
import tempfile
import time
import uuid
from base64 import b64decode
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import click
import orjson

from service.adapters.mongo_replays import MongoTokens
from service.adapters.mongo_store import open_store
from service.adapters.rabbitmq_bus import Bus
from service.dev.process import ServiceProcess
from service.dev.receiver import Received, Receiver
from service.dev.servers import HOST, MongoServer, RabbitServer, free_port
from service.domain.webhook_document import SECRET_PREFIX
from service.management.token import new_token
from service.sources.bus_message import Occasion
from service.sources.catalogue import HOOKS

ACCOUNT_ID = "00000000000000000000000000000c03"
DATABASE = "switchhook_demo"
API_PORT, METRICS_PORT = 8080, 9108
CALL = ("channel_create", "channel_answer", "channel_bridge", "channel_destroy")
PAUSE_S = 0.4
LONGEST_S = 30.0
STORE_TIMEOUT_S = 10.0
KINDS = (
    ("good", "all", "json"),
    ("form", "channel_destroy", "form-data"),
    ("flaky", "channel_answer", "json"),
)
"""The webhooks' names, which are their paths as well, hooks and formats."""
FAILURES = 2


@dataclass(frozen=True, slots=True)
class DemoWebhook:
    """One of the three webhooks of the demo account."""

    name: str
    path: str
    secret: bytes


async def demo(*, once: bool) -> None:
    """Run the demonstration until Ctrl-C, or with `once` until the call has been delivered."""
    running = asyncio.create_task(_demo(once=once), name="demo")
    loop = asyncio.get_running_loop()

    def stop() -> None:
        # A second Ctrl-C must not interrupt the cleaning up.
        if not running.cancelling():
            click.echo("\nstopping everything that was started ...")
            running.cancel()

    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, stop)
    with suppress(asyncio.CancelledError):
        await running


async def _demo(*, once: bool) -> None:
    screen = Screen()
    async with AsyncExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="switchhook-")))
        amqp_url, mongo_url = await stack.enter_async_context(_servers(directory))
        receiver = await stack.enter_async_context(Receiver(screen.show))
        receiver.script("/flaky", *[503] * FAILURES, 200)
        token = await _seed(mongo_url)
        service = await stack.enter_async_context(_service(directory, amqp_url, mongo_url))
        api = f"http://{HOST}:{service.port}/v2/accounts/{ACCOUNT_ID}"
        screen.expect(await _create(api, token, KINDS, receiver))
        screen.heading()
        await _play_call(amqp_url, screen)
        await receiver.until(screen.complete, LONGEST_S, "the callbacks of the call")
        click.echo(_what_next(service, api, token, amqp_url))
        if not once:
            await asyncio.Event().wait()


@asynccontextmanager
async def _servers(directory: Path) -> AsyncIterator[tuple[str, str]]:
    """Yield the addresses of broker and store: configured ones, or real ones started for now."""
    amqp_url = os.environ.get("SWITCHHOOK_AMQP__URL")
    mongo_url = os.environ.get("SWITCHHOOK_MONGO__URL")
    async with AsyncExitStack() as stack:
        started = []
        if amqp_url is None:
            broker = RabbitServer(directory / "rabbitmq")
            stack.push_async_callback(broker.stop)
            started.append(broker.start())
            amqp_url = broker.url
        if mongo_url is None:
            store = MongoServer(directory / "mongod")
            stack.push_async_callback(store.stop)
            started.append(store.start())
            mongo_url = store.url
        if started:
            click.echo("starting a real RabbitMQ and a real MongoDB (some seconds) ...")
        await asyncio.gather(*started)
        yield amqp_url, mongo_url


@asynccontextmanager
async def _service(directory: Path, amqp_url: str, mongo_url: str) -> AsyncIterator[ServiceProcess]:
    click.echo("starting switchhook ...")
    settings = {
        "SWITCHHOOK_AMQP__URL": amqp_url,
        "SWITCHHOOK_MONGO__URL": mongo_url,
        "SWITCHHOOK_MONGO__DATABASE": DATABASE,
        "SWITCHHOOK_METRICS__PORT": str(_port(METRICS_PORT)),
        # The receiver is on this machine, which is private: production has no such line.
        "SWITCHHOOK_EGRESS__ALLOW": '["127.0.0.0/8"]',
        "SWITCHHOOK_KAZOO__CLUSTER_ID": uuid.uuid4().hex,
    }
    service = ServiceProcess(directory, settings, api_port=_port(API_PORT))
    async with service:
        yield service


def _port(preferred: int) -> int:
    """Return the usual port where it is free, so that the README's addresses are right."""
    try:
        with socket.create_server((HOST, preferred)):
            return preferred
    except OSError:
        return free_port()


async def _seed(mongo_url: str) -> str:
    """Write the account, forget webhooks of an earlier demonstration; return a token for it."""
    text, token = new_token(ACCOUNT_ID, datetime.now(UTC), name="demo")
    account: dict[str, object] = {"_id": ACCOUNT_ID, "name": "Acme", "tree": []}
    with open_store(mongo_url, DATABASE, STORE_TIMEOUT_S) as store:
        webhooks, accounts = store.database["webhooks"], store.database["accounts"]
        await store.ask(webhooks.delete_many({"account_id": ACCOUNT_ID}))
        await store.ask(accounts.replace_one({"_id": ACCOUNT_ID}, account, upsert=True))
        await MongoTokens(store).add(token)
    return text


async def _create(
    api: str, token: str, kinds: Sequence[tuple[str, str, str]], receiver: Receiver
) -> list[DemoWebhook]:
    """Create the webhooks as an integrator does: by the API, which tells each one's secret once."""
    webhooks = []
    async with aiohttp.ClientSession(headers={"X-Auth-Token": token}) as session:
        for name, hook, fmt in kinds:
            members = {
                "name": name,
                "uri": receiver.url(f"/{name}"),
                "hook": hook,
                "format": fmt,
                "retries": FAILURES,
            }
            async with session.put(f"{api}/webhooks", json={"data": members}) as response:
                created = (await response.json())["data"]
            secret = b64decode(created["secret"].removeprefix(SECRET_PREFIX))
            webhooks.append(DemoWebhook(name, f"/{name}", secret))
    return webhooks


async def _play_call(amqp_url: str, screen: "Screen") -> None:
    call_id = uuid.uuid4().hex
    hooks = {hook.hook_id: hook for hook in HOOKS}
    async with Bus(amqp_url) as bus:
        for hook_id in CALL:
            message = hooks[hook_id].sample(Occasion.now(ACCOUNT_ID, call_id))
            screen.published(hook_id)
            await bus.publish(message)
            await asyncio.sleep(PAUSE_S)


class Screen:
    """Shows each delivery as it arrives, and knows when the call is complete."""

    def __init__(self) -> None:
        self._webhooks: dict[str, DemoWebhook] = {}
        self._published: dict[str, float] = {}
        self._delivered: set[tuple[str, str]] = set()

    def expect(self, webhooks: Sequence[DemoWebhook]) -> None:
        """Say whose requests will come."""
        self._webhooks = {webhook.path: webhook for webhook in webhooks}

    def heading(self) -> None:
        """Say what is about to be seen."""
        click.echo(
            "\nA simulated call goes over the bus: a phone rings, is answered, talks, hangs up.\n"
            "Three webhooks listen: `good` to everything (JSON), `form` to the end (form-data),\n"
            f"and `flaky` to the answer; its server fails {FAILURES} times, and then recovers.\n\n"
            f"{'hook':16} {'webhook':8} {'attempt':>7} {'status':>6} {'ms':>6}  signature"
        )

    def published(self, hook_id: str) -> None:
        """Note when the switch said it."""
        self._published[hook_id] = time.monotonic()

    def show(self, request: Received) -> None:
        """Print one line for a request that arrived; `ms` counts from the switch's message."""
        webhook = self._webhooks[request.path]
        hook_id = _hook_of(request)
        since = time.monotonic() - self._published.get(hook_id, time.monotonic())
        genuine = request.genuine(webhook.secret)
        delivered = 200 <= request.answered < 300
        if delivered and genuine:
            self._delivered.add((hook_id, webhook.name))
        click.secho(
            f"{hook_id:16} {webhook.name:8} {request.attempt:>7} {request.answered:>6} "
            f"{since * 1000:>6.0f}  {'verified' if genuine else 'WRONG'}",
            fg="green" if delivered and genuine else "yellow" if genuine else "red",
        )

    def complete(self) -> bool:
        """Return whether every callback of the call was delivered."""
        owed = {(hook_id, "good") for hook_id in CALL}
        owed |= {("channel_destroy", "form"), ("channel_answer", "flaky")}
        return owed <= self._delivered


def _hook_of(request: Received) -> str:
    if request.headers.get("Content-Type") == "application/json":
        return str(orjson.loads(request.body)["hook_event"])
    fields = dict(pair.split("=", 1) for pair in request.body.decode().split("&"))
    return fields["hook_event"]


def _what_next(service: ServiceProcess, api: str, token: str, amqp_url: str) -> str:
    metrics = f"http://{HOST}:{service.metrics_port}"
    return f"""
All of it was delivered, each request signed. Switchhook stays up:

  API      {api}/webhooks
  health   http://{HOST}:{service.port}/healthz and /readyz
  metrics  {metrics}/metrics
  log      {service.log}

Try next:
  export TOKEN={token} API={api}
  curl -s -H "X-Auth-Token: $TOKEN" "$API/webhooks/attempts?filter_result=failure"
  curl -s -H "X-Auth-Token: $TOKEN" -X PUT $API/webhooks -d '{{"data": {{"name": "mine",
    "uri": "https://hooks.example.com/calls", "hook": "channel_destroy", "format": "json"}}}}'
  SWITCHHOOK_AMQP__URL={amqp_url} .venv/bin/switchhook emit --account {ACCOUNT_ID} --all
  curl -s {metrics}/metrics | grep ^switchhook_deliveries_total

Ctrl-C stops all of it.
"""
