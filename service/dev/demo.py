"""`make run`: the whole product on one machine, from a call on the bus to its requests."""

import asyncio
import os
import secrets
import signal
import socket
import tempfile
import uuid
from base64 import b64decode
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import click
import yaml

from service.adapters.mongo.replays import MongoTokens
from service.adapters.mongo.store import open_store
from service.adapters.rabbitmq.bus import Bus
from service.dev.process import ServiceProcess
from service.dev.rabbit_server import RabbitServer
from service.dev.receiver import Receiver
from service.dev.screen import COLUMNS, DemoWebhook, Screen, what_next
from service.dev.servers import HOST, MongoServer, free_port
from service.dialects.bus_message import Occasion
from service.dialects.dialect import Dialect
from service.dialects.known import dialects_of
from service.dialects.sample_call import SampleCall
from service.documents.webhook import SECRET_PREFIX
from service.domain.errors import Invalid, SwitchhookError
from service.management.token import new_token
from service.settings.model import Settings

ACCOUNT_ID = "00000000000000000000000000000c03"
DATABASE = "switchhook_demo"
API_PORT, METRICS_PORT = 8080, 9108
TAKEN = "address already in use"
PAUSE_S = 0.4
LONGEST_S = 30.0
STORE_TIMEOUT_S = 10.0
FAILURES = 2
HEADING = f"""
Three webhooks subscribe: `good` to everything, `form` to the end, and `flaky` to the
answer; its server fails {FAILURES} times, and then recovers.

{COLUMNS}"""


async def demo(source: str, *, once: bool) -> None:
    """Run the demonstration until Ctrl-C, or with `once` until the call has been delivered."""
    running = asyncio.create_task(_demo(source, once=once), name="demo")
    loop = asyncio.get_running_loop()

    def stop() -> None:
        # A second Ctrl-C must not interrupt the cleanup.
        if not running.cancelling():
            click.echo("\nstopping everything that was started ...")
            running.cancel()

    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, stop)
    with suppress(asyncio.CancelledError):
        await running


def _kinds(call: SampleCall) -> Sequence[tuple[str, str, str]]:
    """Return names, hooks and formats of the webhooks; a name is its webhook's path as well."""
    return (
        ("good", "all", "json"),
        ("form", call.ended, "form-data"),
        ("flaky", call.answered, "json"),
    )


def _owed(call: SampleCall) -> frozenset[tuple[str, str]]:
    """Return the deliveries of the call, by hook and webhook."""
    every = {(hook_id, "good") for hook_id in call.hooks}
    return frozenset(every | {(call.ended, "form"), (call.answered, "flaky")})


async def _demo(source: str, *, once: bool) -> None:
    dialect = dialects_of(_sources(source)).enabled[0]
    call = dialect.sample_call
    if call is None:
        raise Invalid.of("source", "invalid", f"{source} has no call for the demonstration")
    screen = Screen(_owed(call))
    async with AsyncExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="switchhook-")))
        amqp_url, mongo_url = await stack.enter_async_context(_servers(directory))
        receiver = await stack.enter_async_context(Receiver(screen.show))
        receiver.script("/flaky", *[503] * FAILURES, 200)
        token = await _seed(mongo_url, source)
        service, config = await _start_service(stack, directory, source, amqp_url, mongo_url)
        api = f"http://{HOST}:{service.port}/v2/accounts/{ACCOUNT_ID}"
        screen.expect(await _create(api, token, _kinds(call), receiver))
        click.echo(f"\n{call.told}{HEADING}")
        await _play(call, dialect, amqp_url, screen)
        await receiver.until(screen.complete, LONGEST_S, "the callbacks of the call")
        header = directory / "token"
        header.write_text(f"X-Auth-Token: {token}\n")
        addresses = {
            "console": await _portal_link(api, token),
            "api": api,
            "health": f"http://{HOST}:{service.port}",
            "metrics": f"http://{HOST}:{service.metrics_port}",
            "receiver": receiver.url(""),
            "log": str(service.log),
        }
        click.echo(what_next(addresses, config, header, ACCOUNT_ID))
        if not once:
            await asyncio.Event().wait()


@asynccontextmanager
async def _servers(directory: Path) -> AsyncIterator[tuple[str, str]]:
    """Yield the URLs of broker and store: configured ones, or real servers started meanwhile."""
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


async def _start_service(
    stack: AsyncExitStack, directory: Path, source: str, amqp_url: str, mongo_url: str
) -> tuple[ServiceProcess, Path]:
    """Start the service, which the stack stops; return it and the file with its settings."""
    click.echo("starting switchhook ...")
    ports, tried_free_ports = (_port(API_PORT), _port(METRICS_PORT)), False
    config = directory / "switchhook.yaml"
    while True:
        config.write_text(_settings(source, amqp_url, mongo_url, *ports), "utf-8")
        environment = {
            "SWITCHHOOK_CONFIG": str(config),
            "SWITCHHOOK_METRICS__PORT": str(ports[1]),
        }
        service = ServiceProcess(directory, environment, api_port=ports[0])
        try:
            return await stack.enter_async_context(service), config
        except SwitchhookError as error:
            # Another program may take a preferred port while the service starts.
            if TAKEN not in str(error) or tried_free_ports:
                raise
            ports, tried_free_ports = (free_port(), free_port()), True


def _settings(source: str, amqp_url: str, mongo_url: str, api_port: int, metrics_port: int) -> str:
    """Return the demonstration's settings as YAML, so that other commands can use them as well."""
    settings = {
        "amqp": {"url": amqp_url, "sources": [source]},
        "mongo": {"url": mongo_url, "database": DATABASE},
        "api": {"port": api_port},
        "metrics": {"port": metrics_port},
        # The receiver has a private address, on this machine; production does not need this line.
        "egress": {"allow": ["127.0.0.0/8"]},
    }
    return yaml.safe_dump(settings)


def _port(preferred: int) -> int:
    """Return the preferred port if it is free, so that the README's addresses are right."""
    try:
        with socket.create_server((HOST, preferred)):
            return preferred
    except OSError:
        return free_port()


async def _seed(mongo_url: str, source: str) -> str:
    """Write the account, delete its webhooks of earlier demonstrations; return a token for it."""
    text, token = new_token(ACCOUNT_ID, datetime.now(UTC), name="demo")
    account: dict[str, object] = {"_id": ACCOUNT_ID, "name": "Acme", "tree": []}
    account[f"{source}_secret"] = secrets.token_hex(32)
    with open_store(mongo_url, DATABASE, STORE_TIMEOUT_S) as store:
        webhooks, accounts = store.database["webhooks"], store.database["accounts"]
        await store.ask(webhooks.delete_many({"account_id": ACCOUNT_ID}))
        await store.ask(accounts.replace_one({"_id": ACCOUNT_ID}, account, upsert=True))
        await MongoTokens(store).add(token)
    return text


async def _portal_link(api: str, token: str) -> str:
    """Return a link that opens the console for the demo account, for some minutes."""
    async with (
        aiohttp.ClientSession(headers={"X-Auth-Token": token}) as session,
        session.post(f"{api}/portal", json={"data": {}}) as response,
    ):
        return str((await response.json())["data"]["url"])


async def _create(
    api: str, token: str, kinds: Sequence[tuple[str, str, str]], receiver: Receiver
) -> list[DemoWebhook]:
    """Create the webhooks through the API, as an integrator does; it returns each secret once."""
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


def _sources(source: str) -> Settings:
    """Return settings with one source."""
    return Settings.model_validate({"amqp": {"sources": [source]}})


async def _play(call: SampleCall, dialect: Dialect, amqp_url: str, screen: Screen) -> None:
    call_id = uuid.uuid4().hex
    hooks = {hook.hook_id: hook for hook in dialect.hooks}
    async with Bus(amqp_url) as bus:
        for hook_id in call.hooks:
            message = hooks[hook_id].sample(Occasion.now(ACCOUNT_ID, call_id))
            screen.published(call_id, hook_id)
            await bus.publish(message)
            await asyncio.sleep(PAUSE_S)
