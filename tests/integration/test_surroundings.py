"""Surroundings that are wrong, on real servers: each is one line that says what helps."""

import asyncio
import contextlib
import re
import shlex
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import structlog
from aiormq.exceptions import ConnectionCommandInvalid
from prometheus_client import CollectorRegistry
from pymongo import AsyncMongoClient

from service.adapters.mongo.bucket_upkeep import BucketUpkeep
from service.adapters.mongo.check import examine_store
from service.adapters.mongo.server import examine_server
from service.adapters.mongo.store import Store, open_database
from service.adapters.rabbitmq.check import examine_broker
from service.adapters.rabbitmq.consuming.consumer import Consumer
from service.adapters.rabbitmq.diagnosis import ALARM, diagnosis_of
from service.adapters.rabbitmq.link import Link
from service.adapters.rabbitmq.publishing.publisher import Publisher
from service.adapters.rabbitmq.topology.bindings import Bindings
from service.adapters.rabbitmq.topology.partitions import Partitions
from service.adapters.rabbitmq.topology.queues import Names
from service.adapters.secret_box import SecretBox
from service.dev.rabbit_server import RabbitServer
from service.dev.servers import HOST, MongoServer, free_port
from service.dialects.kazoo.events import calls
from service.domain.errors import BrokerUnavailable, StoreUnavailable
from service.domain.finding import Finding
from service.observability.metrics import Metrics
from service.settings.model import Settings
from service.wiring.parts import permissions_of
from tests.broker_users import add_users, as_user
from tests.builders import make_delivery
from tests.dialects import DIALECTS
from tests.e2e.harness import eventually

NAMES = Names("switchhook")
TIERS_MS = (300, 800)
CALLS = calls.binding("CHANNEL_CREATE")
OURS = r"^switchhook(\.|$)"
WHOLE = Partitions(NAMES, 1, (CALLS,))
NEEDED = permissions_of(Settings(), DIALECTS)


async def broker_problems(url: str) -> list[Finding]:
    findings = [found async for found in examine_broker(url, TIERS_MS, WHOLE, NEEDED)]
    return [finding for finding in findings if finding.fatal]


@pytest.mark.parametrize(
    ("wrong", "text", "remedy"),
    [
        (
            lambda url: url.replace(HOST, "broker.invalid"),
            "cannot be reached: no address for the host of broker.invalid:",
            "check the name in amqp.url, and the name service",
        ),
        (
            lambda url: re.sub(r":\d+/", f":{free_port()}/", url),
            f"cannot be reached at {HOST}:",
            "is RabbitMQ running, and amqp.url right?",
        ),
        (
            lambda url: url.replace("amqp://", "amqps://"),
            f"cannot be reached: no TLS with {HOST}:",
            "amqps: needs the broker's TLS port, usually 5671",
        ),
        (
            lambda url: url.replace(":guest@", ":s3cr3t@"),
            "refuses user 'guest', or the password",
            "check amqp.url: rabbitmqctl authenticate_user 'guest' PASSWORD tries it",
        ),
        (
            lambda url: f"{url}-elsewhere",
            "refuses user 'guest' the virtual host '",
            "rabbitmqctl add_vhost 'test",
        ),
    ],
)
async def test_a_wrong_address_of_the_broker_is_one_line_without_the_password(
    amqp_url: str, wrong: Callable[[str], str], text: str, remedy: str
) -> None:
    [problem] = await broker_problems(wrong(amqp_url))
    assert text in problem.text
    assert problem.remedy.startswith(remedy)
    assert "s3cr3t" not in str(problem)


async def test_a_port_that_answers_otherwise_is_told_from_one_that_does_not(
    store: MongoServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.adapters.rabbitmq.link.CONNECT_TIMEOUT_S", 1)
    [problem] = await broker_problems(f"amqp://guest:guest@{HOST}:{store.port}/")
    assert "does not answer as a broker would" in problem.text


LACKING = {
    "configures": (("^$", ".*", ".*"), "may not configure exchange 'switchhook'"),
    "writes": ((OURS, "^$", ".*"), "may not write queue 'switchhook.rejected'"),
    "reads": ((OURS, OURS, "^callevt$"), "may not read exchange 'switchhook'"),
    "forwards": ((OURS, r"^switchhook\.", ".*"), "may not write exchange 'switchhook'"),
    "hears": ((OURS, OURS, OURS), "may not read exchange 'callevt'"),
}
"""What a user may configure, write and read, and what is said of it."""


def test_a_missing_plug_in_is_named_with_the_command_that_enables_it() -> None:
    said = "COMMAND_INVALID - unknown exchange type 'x-consistent-hash'"
    found = diagnosis_of(ConnectionCommandInvalid(said), "amqp://one@broker/", NEEDED)
    assert found.text.startswith("broker:5672 has no exchange type x-consistent-hash")
    assert "rabbitmq-plugins enable rabbitmq_consistent_hash_exchange" in found.remedy
    assert found.lasting


async def test_a_missing_permission_is_named_and_the_command_that_is_told_grants_it(
    broker: RabbitServer, amqp_url: str
) -> None:
    vhost = amqp_url.rpartition("/")[2]
    users = {name: permissions for name, (permissions, _) in LACKING.items()}
    await add_users(broker, vhost, {**users, "outside": ()})
    for name, (_, lacking) in LACKING.items():
        [problem] = await broker_problems(as_user(amqp_url, name))
        assert problem.text == f"user '{name}' {lacking}"
        assert problem.remedy.startswith(f"rabbitmqctl set_permissions -p '{vhost}' '{name}' ")
    network = as_user(amqp_url, "outside")
    [problem] = await broker_problems(network)
    assert problem.text.endswith(f"refuses user 'outside' the virtual host '{vhost}'")
    add, grant = problem.remedy.split(", where it is missing, and ")
    assert add == f"rabbitmqctl add_vhost '{vhost}'"
    await broker.control(*shlex.split(grant)[1:])
    assert await broker_problems(network) == []


@asynccontextmanager
async def linked(*links: Link) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(link.run()) for link in links]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


async def test_a_service_that_is_refused_says_so_once_and_goes_on_when_it_is_permitted(
    broker: RabbitServer, amqp_url: str
) -> None:
    await add_users(broker, amqp_url.rpartition("/")[2], {"refused": (OURS, "^$", OURS)})
    url = as_user(amqp_url, "refused")
    metrics = Metrics(CollectorRegistry(), [])
    bindings = Bindings(NAMES.events, (CALLS,), metrics, may_declare=True)
    consumer = Consumer(NAMES, TIERS_MS, [], bindings, metrics)
    link = Link("consume", [url], consumer.session, metrics)
    with structlog.testing.capture_logs() as logs:
        async with linked(link):
            await eventually(lambda: _some(logs, "broker.lost"), what="a second try")
            [line] = [line for line in logs if line["event"] == "broker.refuses"]
            assert line["log_level"] == "error"
            assert "may not write queue" in line["error"]
            await broker.control(*shlex.split(line["remedy"])[1:])
            await eventually(lambda: _true(link.up and not bindings.bound), what="the session")
    assert _count(logs, "broker.refuses") == 1


async def test_an_alarm_of_the_broker_is_named_when_it_is_met_and_when_it_is_over(
    broker: RabbitServer, amqp_url: str
) -> None:
    assert await broker_problems(amqp_url) == []
    metrics = Metrics(CollectorRegistry(), [])
    publisher = Publisher(NAMES, 2.0, metrics)
    with structlog.testing.capture_logs() as logs:
        async with linked(Link("publish", [amqp_url], publisher.session, metrics)):
            await publisher.retry([make_delivery()], TIERS_MS[0])
            await broker.control("set_disk_free_limit", "1000000GB")
            try:
                [problem] = await broker_problems(amqp_url)
                assert (problem.text, problem.severity) == (f"has {ALARM}", "problem")
                assert "rabbitmq-diagnostics alarms" in problem.remedy
                # The broker stops only those who publish, by their first message.
                with contextlib.suppress(BrokerUnavailable):
                    await publisher.retry([make_delivery()], TIERS_MS[0])
                await eventually(lambda: _true(publisher.blocked))
            finally:
                await broker.control("set_disk_free_limit", "50MB")
            await eventually(lambda: _true(not publisher.blocked))
            await publisher.retry([make_delivery()], TIERS_MS[0])
    told = [(line["event"], line["log_level"]) for line in logs if "blocked" in line["event"]]
    assert told == [("broker.blocked", "error"), ("broker.unblocked", "info")]


class GuardedMongo(MongoServer):
    """A mongod that asks who one is."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory, replica_set=False)

    def command(self) -> Sequence[str]:
        return [*super().command(), "--auth"]

    def address(self, user: str, password: str) -> str:
        return f"mongodb://{user}:{password}@{HOST}:{self.port}/?authSource=admin"

    async def add_users(self) -> None:
        async with AsyncMongoClient[Mapping[str, Any]](self.url) as first:
            await first.admin.command("createUser", "root", pwd="secret", roles=["root"])
        async with AsyncMongoClient[Mapping[str, Any]](self.address("root", "secret")) as root:
            for name, role in (("reader", "read"), ("owner", "readWrite")):
                roles = [{"role": role, "db": "switchhook"}]
                await root.admin.command("createUser", name, pwd="secret", roles=roles)


@pytest.fixture(scope="module")
async def guarded(directory: Path) -> AsyncIterator[GuardedMongo]:
    async with GuardedMongo(directory / "guarded") as server:
        await server.add_users()
        yield server


async def store_problems(url: str) -> list[Finding]:
    database = open_database(url, "switchhook", 2.0)
    findings = [found async for found in examine_store(database, SecretBox([], None))]
    database.client.close()
    return [finding for finding in findings if finding.fatal]


async def test_a_store_that_refuses_the_user_or_an_action_says_what_helps(
    guarded: GuardedMongo,
) -> None:
    assert await store_problems(guarded.address("owner", "secret")) == []
    [wrong] = await store_problems(guarded.address("owner", "s3cr3t"))
    assert wrong.text == "refuses the user or password of mongo.url"
    assert "s3cr3t" not in str(wrong)
    [nobody] = await store_problems(guarded.url)
    assert nobody.text == "requires a user, and mongo.url has none"
    [reader] = await store_problems(guarded.address("reader", "secret"))
    assert reader.text.startswith("user 'reader' may not createIndex on accounts, webhooks, ")
    assert "insert on webhooks, tokens, attempts" in reader.text
    role = "db.grantRolesToUser('reader', [{role: 'readWrite', db: 'switchhook'}])"
    assert reader.remedy.endswith(role)


async def test_a_user_who_may_read_and_write_may_keep_the_attempt_log_in_buckets(
    guarded: GuardedMongo,
) -> None:
    url = guarded.address("owner", "secret")
    store = Store(open_database(url, "switchhook", 5.0), Metrics(CollectorRegistry(), []))
    attempts, upkeep = store.database["attempts"], BucketUpkeep(store, 30)
    await attempts.insert_one({"_id": "of an earlier release"})
    await upkeep.tidy()
    await upkeep.create("attempts_20200101")
    await upkeep.show()
    await store.database["attempts_20200101"].insert_one({"_id": "old"})
    assert {row["_id"] async for row in attempts.find()} == {"of an earlier release", "old"}
    await upkeep.tidy()
    assert "attempts_20200101" not in await store.database.list_collection_names()
    assert [row["_id"] async for row in attempts.find()] == ["of an earlier release"]
    store.close()


async def test_a_running_service_names_what_the_store_refuses_it_once(
    guarded: GuardedMongo,
) -> None:
    url = guarded.address("reader", "secret")
    metrics = Metrics(CollectorRegistry(), [])
    store = Store(open_database(url, "switchhook", 2.0), metrics)
    with structlog.testing.capture_logs() as logs:
        for _ in range(2):
            with pytest.raises(StoreUnavailable):
                await store.ask(store.database["attempts"].insert_one({"payload": "hush"}))
    store.close()
    [line] = [line for line in logs if line["event"] == "store.refuses"]
    assert line["log_level"] == "error"
    assert line["error"] == "refuses command 'insert' on switchhook.attempts"
    assert "grantRolesToUser" in line["remedy"]


async def test_a_clock_that_is_off_is_told_and_one_that_is_right_is_not(store: MongoServer) -> None:
    database = open_database(store.url, "switchhook", 2.0)

    async def said(off_s: float) -> list[str]:
        found = await examine_server(database, clock=lambda: time.time() + off_s)
        return [str(finding) for finding in found if finding.about == "clock"]

    assert await said(0.0) == []
    [behind] = await said(-95.5)
    assert behind.startswith("warning  clock     this machine's is 95 s behind MongoDB's;")
    assert "timedatectl" in behind
    [ahead] = await said(3600.0)
    assert "is 3600 s ahead of MongoDB's" in ahead
    database.client.close()


async def _true(answer: bool) -> bool:
    return answer


async def _some(logs: list[Any], event: str) -> bool:
    return _count(logs, event) > 0


def _count(logs: list[Any], event: str) -> int:
    return sum(line["event"] == event for line in logs)
