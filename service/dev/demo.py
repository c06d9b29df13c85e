"""`make run`: the whole product on one machine, from a call on the bus to its callbacks."""

import asyncio
import os
import secrets
import signal
import socket
import tempfile
import time
import uuid
from base64 import b64encode
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import click
import orjson
from pymongo import AsyncMongoClient

from service.adapters.rabbitmq_bus import Bus
from service.dev.process import ServiceProcess
from service.dev.receiver import Received, Receiver
from service.dev.servers import HOST, MongoServer, RabbitServer, free_port
from service.sources.bus_message import Occasion
from service.sources.catalogue import HOOKS

ACCOUNT_ID = "00000000000000000000000000000c03"
DATABASE = "switchhook_demo"
API_PORT, METRICS_PORT = 8080, 9108
CALL = ("channel_create", "channel_answer", "channel_bridge", "channel_destroy")
PAUSE_S = 0.4
LONGEST_S = 30.0
FAILURES = 2


@dataclass(frozen=True, slots=True)
class DemoWebhook:
    """One of the three webhooks of the demo account."""

    name: str
    path: str
    hook: str
    format: str
    secret: bytes
    webhook_id: str


def _demo_webhooks() -> list[DemoWebhook]:
    kinds = (
        ("good", "all", "json"),
        ("form", "channel_destroy", "form-data"),
        ("flaky", "channel_answer", "json"),
    )
    return [
        DemoWebhook(name, f"/{name}", hook, fmt, secrets.token_bytes(32), uuid.uuid4().hex)
        for name, hook, fmt in kinds
    ]


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
    webhooks = _demo_webhooks()
    screen = Screen(webhooks)
    async with AsyncExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="switchhook-")))
        amqp_url, mongo_url = await stack.enter_async_context(_servers(directory))
        receiver = await stack.enter_async_context(Receiver(screen.show))
        receiver.script("/flaky", *[503] * FAILURES, 200)
        await _seed(mongo_url, webhooks, receiver)
        service = await stack.enter_async_context(_service(directory, amqp_url, mongo_url))
        screen.heading()
        await _play_call(amqp_url, screen)
        await receiver.until(screen.complete, LONGEST_S, "the callbacks of the call")
        click.echo(_what_next(service, amqp_url))
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


async def _seed(mongo_url: str, webhooks: list[DemoWebhook], receiver: Receiver) -> None:
    """Write the account and its webhooks as any tool would."""
    now = datetime.now(UTC)
    async with AsyncMongoClient[Mapping[str, object]](mongo_url) as client:
        database = client[DATABASE]
        await database["webhooks"].delete_many({"account_id": ACCOUNT_ID})
        account: dict[str, object] = {
            "_id": ACCOUNT_ID,
            "name": "Acme",
            "tree": [],
            "reseller_id": None,
        }
        await database["accounts"].replace_one({"_id": ACCOUNT_ID}, account, upsert=True)
        await database["webhooks"].insert_many(
            {
                "_id": webhook.webhook_id,
                "account_id": ACCOUNT_ID,
                "name": webhook.name,
                "uri": receiver.url(webhook.path),
                "hook": webhook.hook,
                "http_verb": "post",
                "format": webhook.format,
                "retries": FAILURES,
                "enabled": True,
                "secret": f"whsec_{b64encode(webhook.secret).decode()}",
                "created_at": now,
                "modified_at": now,
            }
            for webhook in webhooks
        )


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

    def __init__(self, webhooks: list[DemoWebhook]) -> None:
        self._webhooks = {webhook.path: webhook for webhook in webhooks}
        self._published: dict[str, float] = {}
        self._delivered: set[tuple[str, str]] = set()

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


def _what_next(service: ServiceProcess, amqp_url: str) -> str:
    api, metrics = f"http://{HOST}:{service.port}", f"http://{HOST}:{service.metrics_port}"
    return f"""
All of it was delivered, each request signed. Switchhook stays up:

  health   {api}/healthz and {api}/readyz
  metrics  {metrics}/metrics
  log      {service.log}

Try next:
  SWITCHHOOK_AMQP__URL={amqp_url} .venv/bin/switchhook emit --account {ACCOUNT_ID} --all
  curl -s {metrics}/metrics | grep ^switchhook_deliveries_total
  tail -n 3 {service.log}

Ctrl-C stops all of it.
"""
