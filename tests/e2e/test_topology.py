"""What an operator sees of queues that vanish, and of policies that would make them."""

import shlex
from collections.abc import AsyncIterator
from pathlib import Path

import aio_pika
import pytest

from service.dev.rabbit_server import RabbitServer
from service.dev.receiver import Receiver
from service.dev.servers import HOST, free_port
from tests.conftest import Documents, StartService
from tests.e2e.harness import call_event, eventually, has_logged, logged, switch, webhook_document
from tests.forking.client import switchhook

QUICK = {"SWITCHHOOK_RETRY__SCHEDULE": "[0.3]", "SWITCHHOOK_RETRY__JITTER": "0"}
TIER = "switchhook.retry.300ms"
VHOST = "policed"


async def test_a_retry_is_made_though_its_tier_was_deleted_while_the_service_ran(
    start_service: StartService, settings: dict[str, str], database: Documents, receiver: Receiver
) -> None:
    receiver.script("/hook", 503, 200)
    await database["webhooks"].insert_one(webhook_document(receiver.url("/hook")))
    service = await start_service(**QUICK)
    connection = await aio_pika.connect(settings["SWITCHHOOK_AMQP__URL"])
    async with connection, switch(settings["SWITCHHOOK_AMQP__URL"]) as kazoo:
        channel = await connection.channel()
        await channel.queue_delete(TIER)
        await kazoo.publish(call_event("c-1"))
        await receiver.until(lambda: len(receiver.requests) == 2, 10, "the retry")
    [line] = logged(service, "topology.restored")
    assert line["objects"] == [TIER]
    assert (await service.get("/readyz"))[0] == 200
    assert (await service.metrics())["switchhook_topology_restored_total"] == 1


async def test_a_queue_that_cannot_be_declared_again_is_told_by_readyz(
    start_service: StartService, settings: dict[str, str], database: Documents, receiver: Receiver
) -> None:
    receiver.script("/hook", 503)
    await database["webhooks"].insert_one(webhook_document(receiver.url("/hook")))
    service = await start_service(**QUICK)
    connection = await aio_pika.connect(settings["SWITCHHOOK_AMQP__URL"])
    async with connection, switch(settings["SWITCHHOOK_AMQP__URL"]) as kazoo:
        channel = await connection.channel()
        await channel.queue_delete(TIER)
        await channel.declare_queue(TIER, durable=True)
        await kazoo.publish(call_event("c-1"))
        await eventually(lambda: has_logged(service, "topology.broken"), what="the log line")
        status, text = await service.get("/readyz")
        assert status == 503
        assert TIER in text
        await channel.queue_delete(TIER)
        await receiver.until(lambda: len(receiver.requests) >= 2, 15, "the retry")
        await eventually(lambda: _ready(service.get), what="readiness")


async def _ready(get: object) -> bool:
    status, _ = await get("/readyz")  # type: ignore[operator]
    return bool(status == 200)


@pytest.fixture(scope="module")
async def managed(directory: Path) -> AsyncIterator[RabbitServer]:
    async with RabbitServer(directory / "managed", with_management=True) as server:
        await server.control("add_vhost", VHOST)
        await server.control("set_permissions", "-p", VHOST, "guest", ".*", ".*", ".*")
        yield server


async def test_policies_that_break_a_promise_are_named_by_check_and_at_the_start(
    managed: RabbitServer, settings: dict[str, str], start_service: StartService
) -> None:
    asked = {
        "SWITCHHOOK_AMQP__URL": f"{managed.url}{VHOST}",
        "SWITCHHOOK_AMQP__MANAGEMENT_URL": f"http://{HOST}:{managed.management_port}",
        **QUICK,
    }
    code, text = await switchhook("check", env=settings | asked)
    assert code == 0, text
    assert "ok       broker    no policy breaks a promise of our queues" in text

    where = ("-p", VHOST, "--apply-to", "queues")
    tidy = ("tidy", ".*", '{"expires":3600000}')
    await managed.control("set_policy", *where, *tidy)
    bound = ("bound", r"\.dead$", '{"max-length":1000}')
    await managed.control("set_operator_policy", *where, *bound)
    code, text = await switchhook("check", env=settings | asked)
    assert code == 1
    assert "problem  broker    policy 'tidy' breaks a promise (expires: 3600000) of switchh" in text
    assert TIER in text
    assert "operator policy 'bound' breaks a promise (max-length: 1000) of switchhook.dead;" in text

    service = await start_service(**asked)
    await eventually(lambda: has_logged(service, "start.problem"), what="the log line")
    assert any(TIER in line["error"] for line in logged(service, "start.problem"))

    # What check proposes keeps the policy away.
    (remedy,) = {line.partition("rabbitmqctl set_policy ")[2] for line in text.splitlines()} - {""}
    await managed.control("set_policy", *shlex.split(remedy))
    await managed.control("clear_operator_policy", "-p", VHOST, "bound")
    code, text = await switchhook("check", env=settings | asked)
    assert code == 0, text


async def test_check_says_where_policies_could_not_be_looked_at(settings: dict[str, str]) -> None:
    code, text = await switchhook("check", env=settings)
    assert code == 0, text
    assert "policies on our queues could not be checked: AMQP does not report them" in text
    away = {"SWITCHHOOK_AMQP__MANAGEMENT_URL": f"http://someone:s3cr3t@{HOST}:{free_port()}"}
    code, text = await switchhook("check", env=settings | away)
    assert code == 0, text
    assert "policies on our queues could not be checked: ClientConnectorError" in text
    assert "s3cr3t" not in text
