"""The files of `deploy/rabbitmq` on a real broker: the service finds all as it would declare it."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aio_pika
import pytest
from aiormq.exceptions import AMQPError

from service.dev.broker_definitions import own_broker, switchs_broker
from service.dev.documents import ROOT
from service.dev.process import ServiceProcess
from service.dev.rabbit_server import RabbitServer
from service.dev.receiver import Receiver, ScriptedAnswer
from service.dev.servers import HOST
from service.dialects.kazoo.policy import KazooPolicy
from service.settings.model import Settings
from tests.broker_users import documented_permissions
from tests.conftest import Documents, StartService
from tests.e2e.harness import ACCOUNT, call_event, switch, webhook_document

FILES = ROOT / "deploy" / "rabbitmq"
USER, ADMIN, PASSWORD = "switchhook", "admin", "0123abcd"
DEFINITIONS_D = "/etc/rabbitmq/definitions.d"


def read(name: str) -> dict[str, Any]:
    definitions: dict[str, Any] = json.loads((FILES / name).read_text("utf-8"))
    return definitions


def in_vhost(definitions: dict[str, Any], vhost: str) -> dict[str, Any]:
    """Return the definitions with everything in another virtual host."""

    def moved(item: dict[str, Any]) -> dict[str, Any]:
        return item | ({"vhost": vhost} if "vhost" in item else {})

    moving = {name: [moved(item) for item in items] for name, items in definitions.items()}
    return moving | {"vhosts": []}


async def import_definitions(broker: RabbitServer, file: Path, definitions: dict[str, Any]) -> None:
    await asyncio.to_thread(file.write_text, json.dumps(definitions), "utf-8")
    await broker.control("import_definitions", str(file))


def events(service: ServiceProcess) -> list[str]:
    lines = service.log.read_text("utf-8").splitlines()
    return [json.loads(line).get("event", "") for line in lines if line.startswith("{")]


async def delivered(amqp_url: str, database: Documents, receiver: Receiver) -> None:
    """Have an event of a call bring a request."""
    await database["webhooks"].insert_one(webhook_document(receiver.url("/hook")))
    async with switch(amqp_url) as kazoo:
        await kazoo.publish(call_event("c-1"))
    await receiver.until(lambda: len(receiver.requests) >= 1, 15)


@asynccontextmanager
async def broker_of_the_files(directory: Path) -> AsyncIterator[RabbitServer]:
    """Run a broker as `compose.yaml` does: our file of settings, definitions, and the passwords."""
    definitions = directory / "definitions.d"
    definitions.mkdir(parents=True)
    settings = (FILES / "rabbitmq.conf").read_text("utf-8")
    assert DEFINITIONS_D in settings
    (directory / "rabbitmq.conf").write_text(settings.replace(DEFINITIONS_D, str(definitions)))
    (definitions / "50-switchhook.json").write_bytes((FILES / "definitions.json").read_bytes())
    users = [{"name": name, "password": PASSWORD, "tags": []} for name in (USER, ADMIN)]
    everything = {"configure": ".*", "write": ".*", "read": ".*"}
    granted = [{"user": ADMIN, "vhost": "/", **everything}]
    passwords = {"users": users, "permissions": granted}
    (definitions / "60-users.json").write_text(json.dumps(passwords))
    async with RabbitServer(directory) as running:
        yield running


def url_of(broker: RabbitServer, user: str) -> str:
    return f"amqp://{user}:{PASSWORD}@{HOST}:{broker.port}/"


async def test_our_own_broker_starts_with_all_that_the_service_needs_and_so_again(
    directory: Path, start_service: StartService, database: Documents, receiver: Receiver
) -> None:
    receiver.script("/hook", ScriptedAnswer(status=503), ScriptedAnswer(status=200))
    async with broker_of_the_files(directory / "own") as broker:
        service = await start_service(SWITCHHOOK_AMQP__URL=url_of(broker, USER))
        await delivered(url_of(broker, ADMIN), database, receiver)
        await receiver.until(lambda: len(receiver.requests) == 2, 15, "the retry")
        await service.stop()
        assert "service.stopped" in events(service)
        assert not {"source.unbound", "source.declared_otherwise"} & set(events(service))
        assert await topology(broker) == topology_of(read("definitions.json"))
        await broker.control("eval", "rabbit:stop(), rabbit:start().")
        async with switch(url_of(broker, ADMIN)) as kazoo:
            # Only the broker was there to declare and to bind; this raises where nothing took it.
            await kazoo.publish(call_event("c-2"))


async def topology(broker: RabbitServer) -> set[str]:
    """Return what stands on the broker, as it exports it."""
    return topology_of(json.loads(await broker.control("export_definitions", "-")))


def topology_of(definitions: dict[str, Any]) -> set[str]:
    # Newer brokers tell a queue's type beside its arguments as well.
    queues = [item | {"type": "quorum"} for item in definitions["queues"]]
    everything = definitions | {"queues": queues}
    kinds = ("queues", "exchanges", "bindings", "policies")
    return {json.dumps([kind, item], sort_keys=True) for kind in kinds for item in everything[kind]}


def test_the_queue_of_the_switchs_questions_is_among_them_where_it_is_wanted() -> None:
    asked = Settings(kazoo=KazooPolicy(answer_pivot_requests="callevt"))
    for written in (own_broker(asked), switchs_broker(asked)):
        found = json.loads(written)
        assert "switchhook.ask-kazoo" in {one["name"] for one in found["queues"]}
        assert "callmgr" in {one["name"] for one in found["exchanges"]}
        [bound] = [one for one in found["bindings"] if one["source"] == "callmgr"]
        assert bound["destination"] == "switchhook.ask-kazoo"
    assert "callmgr" not in own_broker(Settings())


async def test_nobody_gets_in_by_the_definitions_alone(
    amqp_url: str, broker: RabbitServer, tmp_path: Path
) -> None:
    vhost = amqp_url.rpartition("/")[2]
    definitions = in_vhost(read("definitions.json"), vhost)
    await import_definitions(broker, tmp_path / "definitions.json", definitions)
    for password in ("", "switchhook", "guest"):
        with pytest.raises(AMQPError):
            await aio_pika.connect(amqp_url.replace("guest:guest", f"{USER}:{password}"))


async def test_on_the_switchs_broker_the_documented_permissions_are_enough(
    amqp_url: str,
    broker: RabbitServer,
    numbers: Iterator[int],
    tmp_path: Path,
    start_service: StartService,
    database: Documents,
    receiver: Receiver,
) -> None:
    vhost, user = amqp_url.rpartition("/")[2], f"guest{next(numbers)}"
    documented = zip(("configure", "write", "read"), documented_permissions()[0], strict=True)
    granted = {"user": user, "vhost": vhost, **dict(documented)}
    definitions = in_vhost(read("switch-definitions.json"), vhost) | {
        "users": [{"name": user, "password": PASSWORD, "tags": []}],
        "permissions": [granted],
    }
    await import_definitions(broker, tmp_path / "definitions.json", definitions)
    own_url = amqp_url.replace("guest:guest", f"{user}:{PASSWORD}")
    service = await start_service(SWITCHHOOK_AMQP__URL=own_url)
    receiver.script("/hook", ScriptedAnswer(status=410))
    async with listening(amqp_url, "notifications", "notifications.webhook.disabled") as heard:
        await delivered(amqp_url, database, receiver)
        message = await asyncio.wait_for(heard.get(), 10)
    assert json.loads(message.body)["Account-ID"] == ACCOUNT
    said = set(events(service))
    assert "source.declare_not_permitted" in said
    assert not {"source.unbound", "source.declared_otherwise", "announcement.unsaid"} & said


@asynccontextmanager
async def listening(
    amqp_url: str, exchange: str, routing_key: str
) -> AsyncIterator[asyncio.Queue[aio_pika.abc.AbstractIncomingMessage]]:
    """Hear what is published there."""
    heard: asyncio.Queue[aio_pika.abc.AbstractIncomingMessage] = asyncio.Queue()
    connection = await aio_pika.connect(amqp_url)
    async with connection:
        channel = await connection.channel()
        queue = await channel.declare_queue(exclusive=True)
        await queue.bind(exchange, routing_key)
        await queue.consume(heard.put, no_ack=True)
        yield heard
