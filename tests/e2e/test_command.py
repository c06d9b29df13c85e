"""The command as an operator uses it: run, check, hooks, emit, dev."""

import asyncio
import json
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from service.dev.receiver import Receiver
from service.dev.servers import free_port
from tests.conftest import Documents, StartService
from tests.dialects import HOOKS
from tests.e2e.harness import ACCOUNT, clash_on_the_broker, webhook_document


async def switchhook(*arguments: str, env: Mapping[str, str]) -> tuple[int, str]:
    """Run the command; return its exit code and all it printed."""
    clean = {key: value for key, value in os.environ.items() if key[:11] != "SWITCHHOOK_"}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "service",
        *arguments,
        env={**clean, **env},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    return process.returncode or 0, output.decode()


async def test_check_finds_all_well(settings: dict[str, str]) -> None:
    code, text = await switchhook("check", env=settings)
    assert code == 0, text
    assert "ok       broker    RabbitMQ 3.10" in text
    assert "ok       store     MongoDB" in text
    assert "exchange callevt is missing; the switch declares it when it starts" in text


async def test_check_names_every_problem_with_its_remedy(settings: dict[str, str]) -> None:
    away = {
        "SWITCHHOOK_AMQP__URL": f"amqp://someone:s3cr3t@127.0.0.1:{free_port()}/",
        "SWITCHHOOK_MONGO__URL": f"mongodb://127.0.0.1:{free_port()}/",
        "SWITCHHOOK_MONGO__TIMEOUT_S": "1",
    }
    code, text = await switchhook("check", env=settings | away)
    assert code == 1
    assert "problem  broker    cannot be reached" in text
    assert "is RabbitMQ running, and amqp.url right?" in text
    assert "problem  store     cannot be reached" in text
    assert "s3cr3t" not in text


async def test_check_names_unusable_webhooks(settings: dict[str, str], database: Documents) -> None:
    await database["webhooks"].insert_one(
        webhook_document("http://x", _id="odd", http_verb="dance")
    )
    code, text = await switchhook("check", env=settings)
    assert code == 0
    assert "odd: http_verb must be get, post, put or delete, not 'dance'" in text


async def test_bad_settings_are_all_named_and_exit_2(tmp_path: Path) -> None:
    file = tmp_path / "switchhook.yaml"
    file.write_text("amqp:\n  prefetch: many\nretri: {}\n")
    env = {"SWITCHHOOK_APY__PORT": "1", "SWITCHHOOK_AMQP__URL": "http://user:s3cr3t@x"}
    code, text = await switchhook("run", "--config", str(file), env=env)
    assert code == 2
    assert len(text.splitlines()) == 4
    assert f"amqp.prefetch (file {file})" in text
    assert "retri (file" in text
    assert "did you mean SWITCHHOOK_API__PORT?" in text
    assert "amqp.url (variable SWITCHHOOK_AMQP__URL): must begin with amqp://" in text
    assert "s3cr3t" not in text


async def test_a_clash_on_the_broker_stops_the_start_with_one_line(
    settings: dict[str, str],
) -> None:
    await clash_on_the_broker(settings["SWITCHHOOK_AMQP__URL"])
    ports = {
        "SWITCHHOOK_API__PORT": str(free_port()),
        "SWITCHHOOK_METRICS__PORT": str(free_port()),
        "SWITCHHOOK_LOG__LEVEL": "error",
    }
    code, text = await switchhook("run", env=settings | ports)
    assert code == 1
    (line,) = text.splitlines()
    assert "switchhook.deliveries" in line
    assert "x-delivery-limit" in line
    assert "amqp.prefix" in line


async def test_a_taken_port_is_one_line(settings: dict[str, str], receiver: Receiver) -> None:
    ports = {"SWITCHHOOK_API__PORT": str(receiver.port), "SWITCHHOOK_LOG__LEVEL": "error"}
    code, text = await switchhook("run", env=settings | ports)
    assert code == 1
    assert text == f"problem  cannot listen on 127.0.0.1:{receiver.port}: address already in use\n"


async def test_hooks_are_listed_for_people_and_machines() -> None:
    code, text = await switchhook("hooks", env={})
    assert code == 0
    assert text.startswith("channel_create ")
    code, text = await switchhook("hooks", "--json", env={})
    assert [hook["id"] for hook in json.loads(text)][:1] == ["channel_create"]


async def test_emit_makes_every_hook_fire(
    start_service: StartService, settings: dict[str, str], database: Documents, receiver: Receiver
) -> None:
    await database["webhooks"].insert_one(webhook_document(receiver.url("/hook"), hook="all"))
    await start_service()
    code, text = await switchhook(
        "emit", "--account", ACCOUNT, "--call", "c-1", "--all", env=settings
    )
    assert code == 0
    assert text == "published 10 events of call c-1\n"
    await receiver.until(lambda: len(receiver.requests) == 10, 10)
    fired = Counter(r.headers["X-Switchhook-Schema"].partition("/")[0] for r in receiver.requests)
    assert fired == dict.fromkeys((hook.hook_id for hook in HOOKS), 1)


async def test_the_demonstration_shows_every_callback_and_leaves_nothing_behind() -> None:
    # Its servers are known by the directory that is theirs; other tests have some, too.
    with tempfile.TemporaryDirectory(prefix="demo-") as directory:
        code, text = await switchhook("dev", "--once", env={"TMPDIR": directory})
        left = left_behind(directory)
    assert code == 0, text
    assert left == []
    rows = [line.split() for line in text.splitlines() if line.endswith(("verified", "WRONG"))]
    shown = {(hook, webhook, attempt, status) for hook, webhook, attempt, status, *_ in rows}
    assert shown == {
        *(
            (f"channel_{kind}", "good", "1", "200")
            for kind in ("create", "answer", "bridge", "destroy")
        ),
        ("channel_destroy", "form", "1", "200"),
        ("channel_answer", "flaky", "1", "503"),
        ("channel_answer", "flaky", "2", "503"),
        ("channel_answer", "flaky", "3", "200"),
    }
    assert {row[-1] for row in rows} == {"verified"}


def left_behind(directory: str) -> list[str]:
    """Return the command lines of processes that were told of a directory, and run on."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            told = (process / "environ").read_bytes() + (process / "cmdline").read_bytes()
            line = (process / "cmdline").read_bytes()
        except OSError:
            continue
        # One that has ended and waits for its parent has no command line.
        if directory.encode() in told and line:
            found.append(line.replace(b"\0", b" ").decode())
    return found
