"""Every command and snippet of the README and of the documents beside it is run."""

import asyncio
import json
import os
import shutil
import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from service.dev.documents import ROOT
from service.dev.rabbit_server import RABBITMQ_HOME, RabbitServer
from service.dev.receiver import ReceivedRequest, Receiver
from service.domain.webhook import Format, Verb
from service.settings.load import load_settings
from service.text.keys import new_key
from tests.crossbar_stand_in import MASTER, RESELLER, TOKEN, Crossbar
from tests.e2e.desk import Desk
from tests.e2e.readme import Block, blocks, has_placeholder, must_exist, needs_more, spans
from tests.e2e.shared_service import SharedService, StartShared
from tests.forking.client import FORKING, fork_server

README = ROOT / "README.md"
DOCUMENTS = (
    README,
    ROOT / "deploy" / "OPERATING.md",
    ROOT / "deploy" / "PERFORMANCE.md",
    ROOT / "deploy" / "RELIABILITY.md",
    ROOT / "deploy" / "SECURITY.md",
    ROOT / "deploy" / "SETTINGS.md",
    ROOT / "deploy" / "moving-from-kazoo.md",
    ROOT / "service" / "api" / "API.md",
    ROOT / "service" / "api" / "RECEIVERS.md",
    ROOT / "service" / "documents" / "DOCUMENTS.md",
)
LANGUAGES = {"sh", "python", "js", "yaml", "json", "http", "text"}
"""`text` is what is no snippet: diagrams, shapes of documents, what a program prints."""

NOT_HERE = {
    "make": "takes long, or runs this test: `make -n` tells whether it would run",
    "docker": "test machines have no daemon; tests/deploy/test_container.py reads the files",
    "kubectl": "test machines have no cluster; tests/deploy/test_kubernetes.py reads the files",
    "switchhook run": "stays up: every end-to-end test starts it",
    "switchhook dev": "stays up: tests/e2e/test_demo.py starts it",
    "switchhook bench": "takes half an hour: tests/e2e/test_bench.py starts a short one",
    "switchhook listen": "stays up: tests/e2e/test_stream_commands.py starts it",
    "switchhook tail": "stays up: tests/e2e/test_stream_commands.py starts it",
    "switchhook verify": "needs a request: tests/unit/tools/test_verify_command.py has some",
    "systemctl": "test machines have no such unit; tests/deploy/test_systemd.py reads it",
    "sup": "a command of Kazoo's nodes",
}
EXAMPLE_RECEIVER = "https://crm.example.com"
ALWAYS = ("Content-Type", "User-Agent", "X-Switchhook-Attempt", "X-Switchhook-Schema")
"""Headers that have the same value in the README's example and in the test."""
NODE = "only its own block needs node, which `make` does not install"


@pytest.fixture(scope="module")
async def shared(new_shared: StartShared) -> AsyncIterator[SharedService]:
    async with new_shared(SWITCHHOOK_SECRETS__KEYS=new_key("k1")) as running:
        yield running


@pytest.fixture(scope="module")
async def desk(
    shared: SharedService, broker: RabbitServer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Desk]:
    directory = tmp_path_factory.mktemp("desk")
    for name in ("deploy", "config", "service"):
        (directory / name).symlink_to(ROOT / name)
    webhook = {"_id": "5f" * 16, "pvt_type": "webhook", "pvt_account_id": RESELLER}
    exported = [{**webhook, "uri": "https://a.example/", "hook": "all"}]
    (directory / "webhooks.json").write_text(json.dumps(exported))
    await broker.control("add_user", "switchhook", "a-password")
    tenant = await shared.tenant()
    [control] = sorted(RABBITMQ_HOME.glob("rabbitmq_server-*/sbin"))[-1:]
    inherited = {key: value for key, value in os.environ.items() if key[:11] != "SWITCHHOOK_"}
    async with Crossbar() as crossbar:
        crossbar.add_account(MASTER, "Master", reseller="undefined")
        crossbar.add_account(RESELLER, "Reseller", MASTER)
        crossbar.add_webhook("w", RESELLER)
        environment = {
            **inherited,
            **broker.environment(),
            **shared.settings,
            "PATH": f"{FORKING}:{Path(sys.executable).parent}:{control}:{os.environ['PATH']}",
            "FORK_SERVER": str(fork_server().path),
            "CROSSBAR_TOKEN": TOKEN,
            "TOKEN": tenant.token or "",
            "API": f"{shared.url}/v2/accounts/{tenant.account_id}",
        }
        stands_for = {
            "https://crossbar:8000": crossbar.url,
            "ROOT": RESELLER,
            "127.0.0.1:8080": shared.url.removeprefix("http://"),
            "localhost:8080": shared.url.removeprefix("http://"),
            "127.0.0.1:9108": f"127.0.0.1:{shared.service.metrics_port}",
            "localhost:9108": f"127.0.0.1:{shared.service.metrics_port}",
        }
        yield Desk(directory, environment, stands_for)


def is_left_out(command: str) -> bool:
    return any(command.split()[: len(name.split())] == name.split() for name in NOT_HERE)


def about_signatures(block: Block) -> bool:
    """Return whether a snippet verifies a request, which it must be given."""
    return "signature" in block.text or "hmac" in block.text.lower()


def all_blocks(*languages: str) -> list[Block]:
    """Return the fenced blocks of all documents in these languages, or all of them."""
    return [block for document in DOCUMENTS for block in blocks(document, *languages)]


def test_every_block_says_what_it_is() -> None:
    found = all_blocks()
    assert found
    assert [str(block) for block in found if block.language not in LANGUAGES] == []


SCRIPTS = [block for block in all_blocks("sh") if not about_signatures(block)]
SPANS = sorted({command for document in DOCUMENTS for command in spans(document)})


@pytest.mark.parametrize("block", SCRIPTS, ids=str)
async def test_a_shell_block_runs(block: Block, desk: Desk) -> None:
    commands = block.commands()
    assert commands
    await desk.run("\n".join(command for command in commands if not is_left_out(command)))
    for command in commands:
        if command.startswith("make "):
            await would_make(command)


async def would_make(command: str) -> None:
    process = await asyncio.create_subprocess_shell(
        command.replace("make ", "make -n ", 1), cwd=ROOT, stdout=asyncio.subprocess.DEVNULL
    )
    assert await process.wait() == 0, command


@pytest.mark.parametrize("command", SPANS)
async def test_a_command_in_a_sentence_runs(command: str, desk: Desk) -> None:
    named = [ROOT / word for word in command.split() if word.startswith(("deploy/", "config/"))]
    # The reader writes deploy/compose.env, by the example beside it.
    for path in named:
        assert list(path.parent.glob(f"{path.name}*")), path
    if command.startswith("make "):
        await would_make(command)
    elif command.startswith("switchhook "):
        must_exist(command.split()[1:])
    if not (is_left_out(command) or has_placeholder(command) or needs_more(command)):
        await desk.run(command)


def test_every_yaml_block_is_a_configuration(tmp_path: Path) -> None:
    for block in all_blocks("yaml"):
        file = tmp_path / f"{block}.yaml"
        file.write_text(block.text)
        load_settings(str(file), {})


def test_every_json_block_is_json() -> None:
    for block in all_blocks("json"):
        json.loads(block.text)


OTHER_PROGRAMS = [b for b in all_blocks("python", "js") if not about_signatures(b)]


async def test_every_other_program_runs(desk: Desk) -> None:
    for block in OTHER_PROGRAMS:
        program = (sys.executable, "-c") if block.language == "python" else ("node", "-e")
        code, _, errors = await desk.execute(*program, block.text)
        assert code == 0, (str(block), errors)


@dataclass(frozen=True)
class Signed:
    """A request as a receiver has it."""

    secret: str
    headers: Mapping[str, str]
    body: bytes

    @classmethod
    def of(cls, secret: str, request: ReceivedRequest) -> "Signed":
        headers = {name.lower(): value for name, value in request.headers.items()}
        return cls(secret, headers, request.body)


@pytest.fixture(scope="module")
async def requests(shared: SharedService) -> list[Signed]:
    """A request of every format and verb, the default ones among them."""
    made: dict[str, str] = {}
    async with Receiver() as receiver:
        tenant = await shared.tenant()
        for form in Format:
            for verb in (Verb.GET, Verb.POST, Verb.PUT):
                path = f"/{form}/{verb}"
                members = {"format": form, "http_verb": verb.lower()}
                made[path] = (await tenant.create(receiver.url(path), **members))["secret"]
        default = {"name": "default", "hook": "channel_create", "uri": receiver.url("/default")}
        made["/default"] = (await tenant.put("webhooks", **default)).data["secret"]
        await shared.call(tenant.account_id, "c-1")
        await receiver.until(lambda: len(receiver.requests) == len(made), 15)
        return [Signed.of(made[request.path], request) for request in receiver.requests]


async def test_the_readmes_webhook_gets_the_request_that_it_shows(
    desk: Desk, shared: SharedService
) -> None:
    [creation] = [block for block in blocks(README, "sh") if "curl -fsS -X PUT" in block.text]
    [shown] = [block for block in blocks(README, "http")]
    tenant = await shared.tenant()
    whose = {"API": f"{shared.url}/v2/accounts/{tenant.account_id}", "TOKEN": tenant.token or ""}
    async with Receiver() as receiver:
        await desk.run(creation.text.replace(EXAMPLE_RECEIVER, receiver.url("")), **whose)
        emit = f"switchhook emit --account {tenant.account_id} --hook channel_create"
        await desk.run(emit, **whose)
        await receiver.until(lambda: len(receiver.requests) == 1, 15)
        [request] = receiver.requests
    headers, _, body = shown.text.partition("\n\n")
    line, *lines = headers.splitlines()
    assert line == f"{request.method} {request.raw_path} HTTP/1.1"
    expected = dict(one.split(": ", 1) for one in lines)
    assert expected.keys() == request.headers.keys()
    assert {name: request.headers[name] for name in ALWAYS} == {
        name: expected[name] for name in ALWAYS
    }
    assert json.loads(body).keys() == json.loads(request.body).keys()


VERIFYING = [block for block in all_blocks("python", "js", "sh") if about_signatures(block)]


def test_the_documents_show_how_to_verify_in_each_language() -> None:
    assert [block.language for block in VERIFYING] == ["python", "js", "sh"]


@pytest.mark.parametrize("block", VERIFYING, ids=str)
async def test_a_genuine_request_is_verified_and_a_forged_one_is_not(
    block: Block, desk: Desk, requests: list[Signed]
) -> None:
    if block.language == "js" and shutil.which("node") is None:
        pytest.skip(NODE)
    for request in requests:
        assert await is_genuine(block, desk, request)
    request = requests[0]
    forged = Signed(request.secret, request.headers, request.body + b" ")
    old = {**request.headers, "webhook-timestamp": "1600000000"}
    others = Signed(f"whsec_{'A' * 32}", request.headers, request.body)
    for wrong in (forged, Signed(request.secret, old, request.body), others):
        assert not await is_genuine(block, desk, wrong)


GIVEN = {
    "python": "import json, os\nsecret = os.environ['secret']\n"
    "headers = json.loads(os.environ['headers'])\nbody = open('body', 'rb').read()\n",
    "js": "const secret = process.env.secret, headers = JSON.parse(process.env.headers);\n"
    "const body = require('fs').readFileSync('body');\n",
}
"""What a receiver has in its hands."""


async def is_genuine(block: Block, desk: Desk, request: Signed) -> bool:
    """Return what a snippet says of a request: by raising, or in sh by what it prints."""
    await asyncio.to_thread((desk.directory / "body").write_bytes, request.body)
    given = {
        "secret": request.secret,
        "headers": json.dumps(dict(request.headers)),
        "id": request.headers["webhook-id"],
        "timestamp": request.headers["webhook-timestamp"],
    }
    if block.language == "sh":
        printed = (await desk.run(block.text, **given)).strip()
        return f"v1,{printed}" in request.headers["webhook-signature"].split()
    program = (sys.executable, "-c") if block.language == "python" else ("node", "-e")
    script = GIVEN[block.language] + block.text
    code, _, errors = await desk.execute(*program, script, **given)
    assert code == 0 or "not from Switchhook" in errors, errors
    return code == 0
