"""Every command without broker and store: one sentence with the address and the remedy."""

import json
import socket
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path

import click
import pytest

from service.cli.main import main
from service.dev.rabbit_server import RabbitServer
from service.dev.servers import HOST, free_port
from service.text.keys import new_key
from tests.crossbar_stand_in import MASTER, RESELLER, TOKEN, Crossbar
from tests.e2e.harness import ACCOUNT, Unready, eventually, logged
from tests.forking.client import switchhook

STORE = {
    "token create": ("--account", ACCOUNT),
    "token list": (),
    "portal": ("--account", ACCOUNT),
    "token revoke": ("0" * 24,),
    "deadletters list": (),
    "deadletters show": ("0" * 24,),
    "deadletters replay": ("--no-wait",),
    "deadletters discard": ("--yes",),
    "rejected list": (),
    "rejected show": ("0" * 24,),
    "rejected retry": ("0" * 24,),
    "rejected discard": ("--yes", "0" * 24),
    "secrets rewrap": (),
    "accounts sync": ("--account", RESELLER),
    "webhooks import": (),
    "dev": ("--once",),
}
BROKER = {"emit": ("--account", ACCOUNT, "--all"), "rejected take": ()}
NEITHER = {"hooks": (), "settings": (), "secrets new-key": ("k1",)}
BY_THEMSELVES = {
    "check": "tests/e2e/test_command.py tries it",
    "run": "waits for both, which is tried below",
    "worker": "only a supervisor starts it",
    "listen": "tests/e2e/test_stream_commands.py tries it",
    "tail": "tests/e2e/test_stream_commands.py tries it",
    "verify": "tests/unit/tools/test_verify_command.py tries it",
    "ask": "tests/e2e/test_api_ask.py tries it",
    "import": "tests/e2e/test_api_voipbin.py tries it",
    "bench scale": "computes",
    "bench peers": "starts servers of its own",
}


def leaves(group: click.Group, prefix: str = "") -> Iterator[str]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from leaves(command, f"{prefix}{name} ")
        else:
            yield f"{prefix}{name}"


@pytest.fixture
def away() -> dict[str, str]:
    """Settings with a broker and a store that nobody can reach."""
    return {
        "SWITCHHOOK_AMQP__URL": f"amqp://someone:s3cr3t@{HOST}:{free_port()}/",
        "SWITCHHOOK_MONGO__URL": f"mongodb://someone:s3cr3t@{HOST}:{free_port()}/",
        "SWITCHHOOK_MONGO__TIMEOUT_S": "1",
        "SWITCHHOOK_SECRETS__KEYS": new_key("k1"),
        "CROSSBAR_TOKEN": TOKEN,
    }


def port_in(url: str) -> str:
    return url.rsplit(":", 1)[1].partition("/")[0]


def test_every_command_is_tried_here() -> None:
    known = {*STORE, *BROKER, *NEITHER, *BY_THEMSELVES}
    assert set(leaves(main)) == known


@pytest.fixture
async def crossbar() -> AsyncIterator[Crossbar]:
    async with Crossbar() as running:
        running.add_account(MASTER, "Master", reseller="undefined")
        running.add_account(RESELLER, "Reseller", MASTER)
        yield running


@pytest.mark.parametrize("command", STORE)
async def test_a_store_that_cannot_be_reached_is_one_sentence(
    command: str, away: Mapping[str, str], crossbar: Crossbar, tmp_path: Path, broker: RabbitServer
) -> None:
    arguments = [*command.split(), *STORE[command]]
    if command == "accounts sync":
        arguments += ["--url", crossbar.url]
    if command == "webhooks import":
        export = tmp_path / "webhooks.json"
        webhook = {"_id": "5f" * 16, "pvt_type": "webhook", "pvt_account_id": ACCOUNT}
        export.write_text(json.dumps([{**webhook, "uri": "https://a.example/", "hook": "all"}]))
        arguments += ["--file", str(export)]
    code, text = await switchhook(*arguments, env={**away, "SWITCHHOOK_AMQP__URL": broker.url})
    line = text.splitlines()[-1]
    assert code == 1
    assert command == "dev" or text == f"{line}\n"
    address = f"{HOST}:{port_in(away['SWITCHHOOK_MONGO__URL'])}"
    assert line.startswith(f"problem  store     cannot be reached at {address}: ")
    assert line.endswith("; is MongoDB running, and mongo.url right?")
    assert "Topology" not in text
    assert "s3cr3t" not in text
    assert len(line) < 200


async def test_a_store_that_does_not_answer_is_one_sentence(away: Mapping[str, str]) -> None:
    with socket.create_server((HOST, 0)) as silent:
        port = silent.getsockname()[1]
        env = {**away, "SWITCHHOOK_MONGO__URL": f"mongodb://{HOST}:{port}/"}
        code, text = await switchhook("token", "list", env=env)
    assert code == 1
    assert text.startswith(f"problem  store     cannot be reached at {HOST}:{port}: ")
    assert text.endswith("; is MongoDB running, and mongo.url right?\n")
    assert text.count("\n") == 1


@pytest.mark.parametrize("command", BROKER)
async def test_a_broker_that_cannot_be_reached_is_one_sentence(
    command: str, away: Mapping[str, str]
) -> None:
    code, text = await switchhook(*command.split(), *BROKER[command], env=away)
    assert code == 1
    address = f"{HOST}:{port_in(away['SWITCHHOOK_AMQP__URL'])}"
    assert text.startswith(f"problem  broker    cannot be reached at {address}: ")
    assert text.endswith("; is RabbitMQ running, and amqp.url right?\n")
    assert text.count("\n") == 1
    assert "s3cr3t" not in text


async def test_a_broker_that_refuses_is_one_sentence(amqp_url: str) -> None:
    wrong = {"SWITCHHOOK_AMQP__URL": amqp_url.replace(":guest@", ":s3cr3t@")}
    code, text = await switchhook("emit", "--account", ACCOUNT, "--all", env=wrong)
    assert code == 1
    assert text.startswith(f"problem  broker    {HOST}:")
    assert "refuses user 'guest', or the password; check amqp.url: " in text
    assert text.count("\n") == 1
    assert "s3cr3t" not in text


@pytest.mark.parametrize("command", NEITHER)
async def test_what_needs_neither_works_without(command: str, away: Mapping[str, str]) -> None:
    code, text = await switchhook(*command.split(), *NEITHER[command], env=away)
    assert code == 0, text


async def test_a_service_that_waits_says_for_what(away: dict[str, str], tmp_path: Path) -> None:
    async with Unready(tmp_path / "service", away) as service:

        async def told() -> bool:
            return bool(logged(service, "broker.lost") and logged(service, "store.not_prepared"))

        await eventually(told)
        [store, *_] = logged(service, "store.not_prepared")
        [broker, *_] = logged(service, "broker.lost")
    text = service.log.read_text()
    address = f"{HOST}:{port_in(away['SWITCHHOOK_MONGO__URL'])}"
    assert store["error"].startswith(f"cannot be reached at {address}: ")
    assert store["remedy"] == "is MongoDB running, and mongo.url right?"
    assert broker["error"].startswith("cannot be reached at ")
    assert broker["remedy"] == "is RabbitMQ running, and amqp.url right?"
    assert "Topology" not in text
    assert "s3cr3t" not in text
