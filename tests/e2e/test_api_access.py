"""Who may do what through the API: tokens, accounts, limits."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp import web

from service.dev.receiver import Receiver
from service.dev.servers import HOST, free_port
from service.management.token import token_id_in
from tests.api_client import Client, Reply
from tests.conftest import Documents
from tests.e2e.harness import eventually
from tests.e2e.stage import NewStage, Stage, new_account
from tests.e2e.test_command import switchhook

HOOK = {"name": "crm", "uri": "http://127.0.0.1:9/", "hook": "channel_create"}
WRITES = ("PUT", "POST", "PATCH", "DELETE")
NO_WRITE = frozenset({"/v2/accounts/{account_id}/webhooks/match"})
"""What is posted to, and changes nothing."""


def check_error(reply: Reply, status: int, message: str) -> None:
    assert (reply.status, reply.envelope["message"]) == (status, message), reply.envelope
    assert reply.envelope["error"] == str(status)
    assert reply.envelope["request_id"] == reply.headers["X-Request-ID"]


def operations(
    description: Mapping[str, Any], names: Mapping[str, str]
) -> Iterator[tuple[str, str, str, Any]]:
    """Yield method, template, path and a body that works, for every operation of an account."""
    for template, methods in description["paths"].items():
        if "{account_id}" not in template:
            continue
        for method, operation in methods.items():
            body = None
            if "requestBody" in operation:
                body = operation["requestBody"]["content"]["application/json"]["example"]
            yield method.upper(), template, template.format(**names), body


def is_write(method: str, template: str) -> bool:
    return method in WRITES and template not in NO_WRITE


@pytest.mark.parametrize("token", [None, "", "garbage", "swh_0123456789ab_x", "swh__", "a b", "é"])
async def test_without_a_good_token_nobody_is_let_in(stage: Stage, token: str | None) -> None:
    api = stage.client(token, new_account(), stage.service)
    reply = await api.get("webhooks")
    check_error(reply, 401, "invalid_credentials")
    assert reply.headers["WWW-Authenticate"] == "Bearer"
    assert "version" not in reply.envelope


async def test_a_token_with_another_secret_is_no_token(stage: Stage) -> None:
    api = await stage.tenant()
    text = str(api.token)
    for wrong in (text[:-1], text + "x", text[:-1] + ("a" if text[-1] != "a" else "b")):
        impostor = stage.client(wrong, api.account_id, stage.service)
        check_error(await impostor.get("webhooks"), 401, "invalid_credentials")
    assert (await api.get("webhooks")).status == 200


async def test_a_token_expires_and_can_be_revoked(stage: Stage) -> None:
    past = datetime.now(UTC) - timedelta(hours=2)
    expired = await stage.tenant(now=past, lifetime=timedelta(hours=1))
    check_error(await expired.get("webhooks"), 401, "invalid_credentials")
    lasting = await stage.tenant(now=past, lifetime=timedelta(hours=3))
    assert (await lasting.get("webhooks")).status == 200
    change = {"$set": {"revoked_at": datetime.now(UTC)}}
    await stage.database["tokens"].update_one({"_id": token_id_in(str(lasting.token))}, change)
    check_error(await lasting.get("webhooks"), 401, "invalid_credentials")


async def test_a_token_may_stand_in_authorization_as_well(stage: Stage) -> None:
    api = await stage.tenant()
    nobody = stage.client(None, api.account_id, stage.service)
    for scheme in ("Bearer", "bearer"):
        headers = {"Authorization": f"{scheme} {api.token}"}
        reply = await nobody.ask("GET", "webhooks", headers=headers)
        assert reply.status == 200
        assert reply.envelope["version"]
    wrong = {"Authorization": f"Basic {api.token}"}
    check_error(await nobody.ask("GET", "webhooks", headers=wrong), 401, "invalid_credentials")


async def test_what_hooks_there_are_may_be_asked_by_anybody(stage: Stage) -> None:
    nobody = stage.client(None, new_account(), stage.service)
    hooks = await nobody.get("/v2/webhooks")
    assert hooks.status == 200
    assert "version" not in hooks.envelope
    ids = {hook["id"] for hook in hooks.data}
    assert {"channel_create", "notifications", "object", "fax", "sms"} <= ids
    modifiers = {hook["id"]: hook.get("modifiers") for hook in hooks.data}
    assert set(modifiers["object"]) == {"type", "action"}
    samples = await nobody.get("/v2/webhooks/samples")
    assert set(samples.data) == {f"webhooks_{hook_id}" for hook_id in ids}
    for sample_id in samples.data:
        sample = await nobody.get(f"/v2/webhooks/samples/{sample_id}")
        assert isinstance(sample.data[0], dict)
    check_error(await nobody.get("/v2/webhooks/samples/none"), 404, "bad_identifier")
    own = await stage.tenant()
    assert (await own.get("webhooks/samples")).data == samples.data
    check_error(await nobody.get("webhooks/samples"), 401, "invalid_credentials")


async def test_a_read_only_token_is_refused_every_write(stage: Stage) -> None:
    owner = await stage.tenant()
    reader = await stage.tenant(owner.account_id, read_only=True)
    webhook = await owner.create(HOOK["uri"])
    before = await snapshot(stage.database, owner.account_id)
    names = dict.fromkeys(("attempt_id", "delivery_id", "replay_id", "sample_id"), "x")
    names |= {"account_id": owner.account_id, "webhook_id": webhook["id"]}
    description = (await reader.get("/v2/openapi.json")).envelope
    refused = 0
    for method, template, path, body in operations(description, names):
        reply = await reader.ask(method, path, body)
        if is_write(method, template):
            check_error(reply, 403, "forbidden")
            refused += 1
        else:
            assert reply.status in (200, 404), (method, path, reply.envelope)
    assert refused == 11
    assert await snapshot(stage.database, owner.account_id) == before


async def test_a_token_for_descendants_reaches_those_below_and_nobody_else(stage: Stage) -> None:
    root, middle, leaf, stranger = [new_account() for _ in range(4)]
    trees = {root: [], middle: [root], leaf: [root, middle], stranger: []}
    await stage.database["accounts"].insert_many(
        {"_id": account_id, "tree": tree} for account_id, tree in trees.items()
    )
    narrow = await stage.tenant(middle)
    wide = await stage.tenant(middle, descendants=True)

    async def status(api: Client, account_id: str) -> int:
        return (await api.get(f"/v2/accounts/{account_id}/webhooks")).status

    everyone = (root, middle, leaf, stranger)
    assert [await status(narrow, account_id) for account_id in everyone] == [403, 200, 403, 403]
    assert [await status(wide, account_id) for account_id in everyone] == [403, 200, 200, 403]
    created = await wide.ask("PUT", f"/v2/accounts/{leaf}/webhooks", {"data": HOOK})
    assert created.status == 201
    stored = await stage.database["webhooks"].find_one({"_id": created.data["id"]}) or {}
    assert stored["account_id"] == leaf
    superuser = await stage.superuser(leaf)
    assert [await status(superuser, account_id) for account_id in everyone] == [200] * 4
    watcher = await stage.superuser(leaf, read_only=True)
    assert (await watcher.get("webhooks")).status == 200
    assert (await watcher.put("webhooks", **HOOK)).status == 403


async def snapshot(database: Documents, account_id: str) -> dict[str, list[Any]]:
    """Return all that the store has of an account."""
    own = {"account_id": account_id}
    names = ("webhooks", "attempts", "dead_letters", "replays", "tokens")
    return {name: await database[name].find(own).sort("_id").to_list() for name in names}


async def furnished(stage: Stage, receiver: Receiver) -> tuple[Client, dict[str, str]]:
    """Return an account with some of everything, and the names of it."""
    api = await stage.tenant()
    receiver.script("/secret-path", 500)
    webhook = await api.create(receiver.url("/secret-path"), retries=0, name="secret-name")
    await stage.call(api.account_id, "secret-call")

    async def settled() -> Any:
        letters = (await api.get("dead_letters")).data
        attempts = (await api.get("webhooks/attempts")).data
        return (letters[0], attempts[0]) if letters and attempts else None

    letter, attempt = await eventually(settled, what="a dead letter and its attempt")
    order = {"filter": {"call_id": "none"}}
    replay = (await api.post("dead_letters/replay", **order)).data

    async def over() -> bool:
        found = await api.get(f"dead_letters/replays/{replay['id']}")
        return bool(found.data["state"] == "finished")

    await eventually(over, what="the end of the replay")
    return api, {
        "account_id": api.account_id,
        "webhook_id": webhook["id"],
        "attempt_id": attempt["id"],
        "delivery_id": letter["id"],
        "replay_id": replay["id"],
        "sample_id": "webhooks_sms",
    }


async def test_every_path_of_an_account_is_closed_to_the_token_of_another(
    stage: Stage, receiver: Receiver
) -> None:
    owner, names = await furnished(stage, receiver)
    intruder = await stage.tenant(descendants=True)
    before = await snapshot(stage.database, owner.account_id)
    heard = len(receiver.requests)
    description = (await intruder.get("/v2/openapi.json")).envelope
    asked = 0
    for method, _, path, body in operations(description, names):
        bodies: tuple[Any, ...] = (body, None, {})
        for given in bodies:
            reply = await intruder.ask(method, path, given)
            check_error(reply, 403, "forbidden")
            assert "secret" not in json.dumps(reply.envelope)
        asked += 1
    assert asked == 23
    assert await snapshot(stage.database, owner.account_id) == before
    assert len(receiver.requests) == heard


async def test_the_ids_of_another_account_mean_nothing_in_ones_own(
    stage: Stage, receiver: Receiver
) -> None:
    owner, names = await furnished(stage, receiver)
    intruder = await stage.tenant()
    own = await intruder.create(HOOK["uri"])
    before = await snapshot(stage.database, owner.account_id)
    heard = len(receiver.requests)
    description = (await intruder.get("/v2/openapi.json")).envelope
    # Everything is the other's but the account; then the webhook is one's own as well.
    for mine in ({}, {"webhook_id": own["id"]}):
        mixed = {**names, "account_id": intruder.account_id, **mine}
        for method, template, path, body in operations(description, mixed):
            if mine and template.endswith("/{webhook_id}"):
                continue  # nothing in it is the other's
            reply = await intruder.ask(method, path, body)
            text = json.dumps(reply.envelope)
            foreign = [name for name in names if f"{{{name}}}" in template and name not in mine]
            foreign = [name for name in foreign if name not in ("account_id", "sample_id")]
            if foreign and not template.endswith("/attempts"):
                check_error(reply, 404, "bad_identifier")
            elif foreign:
                assert (reply.status, reply.data) == (200, [])
            for secret in ("secret-name", "secret-path", "secret-call", owner.account_id):
                assert secret not in text, (method, path, text)
    by_ids = await intruder.post("dead_letters/replay", ids=[names["delivery_id"]], dry_run=True)
    assert by_ids.data["matched"] == 0
    by_filter = {"hook_id": names["webhook_id"]}
    counted = await intruder.post("dead_letters/replay", filter=by_filter, dry_run=True)
    assert counted.data["matched"] == 0
    for key in ("hook_id", "call_id", "delivery_id"):
        value = {"hook_id": names["webhook_id"], "call_id": "secret-call"}.get(
            key, names["delivery_id"]
        )
        reply = await intruder.get("webhooks/attempts", **{f"filter_{key}": value})
        assert reply.data == []
    assert await snapshot(stage.database, owner.account_id) == before
    assert len(receiver.requests) == heard


async def test_the_store_has_no_token_that_could_be_used(stage: Stage) -> None:
    api = await stage.tenant(name="console")
    text = str(api.token)
    document = await stage.database["tokens"].find_one({"_id": token_id_in(text)}) or {}
    secret = text.split("_", 2)[2]
    assert secret not in repr(document)
    assert document["name"] == "console"
    # What the store has is worth nothing to the API.
    for stolen in (document["digest"], f"swh_{document['_id']}_{document['digest']}"):
        thief = stage.client(stolen, api.account_id, stage.service)
        check_error(await thief.get("webhooks"), 401, "invalid_credentials")
    assert secret not in stage.service.log.read_text()


async def test_the_command_makes_lists_and_revokes_tokens(stage: Stage) -> None:
    account_id = new_account()
    account = ("--account", account_id)

    async def command(*arguments: str) -> tuple[int, str]:
        return await switchhook("token", *arguments, env=stage.settings)

    (made, text), (read, other), (refused, _) = await asyncio.gather(
        command("create", *account, "--name", "crm", "--expires", "1h"),
        command("create", *account, "--read-only", "--descendants"),
        command("create"),
    )
    assert (made, read, refused) == (0, 0, 2)
    token = text.strip()
    api = stage.client(token, account_id, stage.service)
    reader = stage.client(other.strip(), account_id, stage.service)
    assert (await api.put("webhooks", **HOOK)).status == 201
    check_error(await reader.put("webhooks", **HOOK), 403, "forbidden")
    assert len((await reader.get("webhooks")).data) == 1

    token_id = str(token_id_in(token))
    assert await command("revoke", token_id) == (0, f"revoked  {token_id}\n")
    check_error(await api.get("webhooks"), 401, "invalid_credentials")
    (again, _), (code, listed) = await asyncio.gather(
        command("revoke", token), command("list", *account)
    )
    assert (again, code) == (1, 0)
    lines = {line.split()[0]: line for line in listed.splitlines()}
    assert set(lines) == {token_id, token_id_in(other.strip())}
    assert "revoked" in lines[token_id]
    assert "crm" in lines[token_id]
    assert "good" in lines[str(token_id_in(other.strip()))]
    assert "descendants+read-only" in lines[str(token_id_in(other.strip()))]
    assert token.split("_", 2)[2] not in listed


RATE_PER_S, BURST = 0.5, 4
CROSSBAR_TOKEN = "eyJhbGciOiJSUzI1NiJ9.of-kazoo"


class TokenCrossbar:
    """Crossbar as far as `GET /v2/token_auth` goes."""

    def __init__(self) -> None:
        self.accounts: dict[str, str] = {}
        self.asked: list[str] = []
        self.status = 200

    async def answer(self, request: web.Request) -> web.Response:
        token = request.headers.get("X-Auth-Token", "")
        self.asked.append(token)
        if self.status != 200:
            return web.json_response({"data": {}, "status": "error"}, status=self.status)
        if token not in self.accounts:
            body = {"data": {}, "error": "401", "status": "error"}
            return web.json_response(body, status=401)
        data = {"account_id": self.accounts[token], "owner_id": "user-1", "method": "cb_user_auth"}
        return web.json_response({"data": data, "status": "success", "auth_token": token})


@pytest.fixture(scope="module")
async def crossbar() -> AsyncIterator[tuple[TokenCrossbar, str]]:
    stand_in, application, port = TokenCrossbar(), web.Application(), free_port()
    application.router.add_get("/v2/token_auth", stand_in.answer)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, HOST, port).start()
    yield stand_in, f"http://{HOST}:{port}"
    await runner.cleanup()


@pytest.fixture(scope="module")
async def limited(new_stage: NewStage, crossbar: tuple[TokenCrossbar, str]) -> AsyncIterator[Stage]:
    """A service that takes Kazoo's tokens as well, and few requests of each."""
    limits = {
        "SWITCHHOOK_API__RATE_PER_S": str(RATE_PER_S),
        "SWITCHHOOK_API__BURST": str(BURST),
        "SWITCHHOOK_API__AUTH__CROSSBAR_URL": crossbar[1],
        "SWITCHHOOK_API__AUTH__CROSSBAR_CACHE_S": "600",
    }
    async with new_stage(**limits) as running:
        yield running


async def test_who_asks_too_often_is_told_when_to_come_again(limited: Stage) -> None:
    eager, calm = await limited.tenant(), await limited.tenant()
    remaining = []
    for _ in range(BURST):
        reply = await eager.get("webhooks")
        assert reply.status == 200
        assert reply.headers["RateLimit-Limit"] == str(BURST)
        assert int(reply.headers["RateLimit-Reset"]) >= 1
        remaining.append(int(reply.headers["RateLimit-Remaining"]))
    assert remaining == sorted(remaining, reverse=True)
    refused = await eager.get("webhooks")
    check_error(refused, 429, "too_many_requests")
    assert 1 <= int(refused.headers["Retry-After"]) <= 1 / RATE_PER_S
    assert refused.headers["RateLimit-Limit"] == str(BURST)
    assert refused.headers["RateLimit-Remaining"] == "0"
    assert refused.headers["RateLimit-Reset"] == refused.headers["Retry-After"]
    assert (await calm.get("webhooks")).status == 200

    async def let_in() -> bool:
        return (await eager.get("webhooks")).status == 200

    await eventually(let_in, 2 / RATE_PER_S + 2, "the next request")


async def test_a_token_of_kazoo_counts_for_its_account_and_those_below(
    limited: Stage, crossbar: tuple[TokenCrossbar, str]
) -> None:
    stand_in, _ = crossbar
    account_id, below, stranger = [new_account() for _ in range(3)]
    stand_in.accounts[CROSSBAR_TOKEN] = account_id
    await limited.database["accounts"].insert_one({"_id": below, "tree": [account_id]})
    api = limited.client(CROSSBAR_TOKEN, account_id, limited.service)
    created = await api.put("webhooks", **HOOK)
    assert created.status == 201
    by = created.data["_read_only"]["created_by"]
    assert by == f"crossbar:{account_id}/user-1"
    assert (await api.get(f"/v2/accounts/{below}/webhooks")).status == 200
    assert (await api.get(f"/v2/accounts/{stranger}/webhooks")).status == 403
    assert stand_in.asked.count(CROSSBAR_TOKEN) == 1, "its word is remembered"
    assert CROSSBAR_TOKEN not in limited.service.log.read_text()
    # Our own tokens are no business of Crossbar's.
    own = await limited.tenant()
    assert (await own.get("webhooks")).status == 200
    assert str(own.token) not in stand_in.asked
    unknown = limited.client("eyJ-unknown", account_id, limited.service)
    check_error(await unknown.get("webhooks"), 401, "invalid_credentials")


async def test_while_crossbar_is_away_its_tokens_are_neither_good_nor_bad(
    limited: Stage, crossbar: tuple[TokenCrossbar, str]
) -> None:
    stand_in, url = crossbar
    stand_in.status = 500
    account_id = new_account()
    stand_in.accounts["eyJ-later"] = account_id
    api = limited.client("eyJ-later", account_id, limited.service)
    reply = await api.get("webhooks")
    check_error(reply, 503, "datastore_unreachable")
    assert reply.headers["Retry-After"]
    assert url not in json.dumps(reply.envelope)
    stand_in.status = 200
    assert (await api.get("webhooks")).status == 200


async def guess(stage: Stage) -> list[int]:
    """Try some tokens; return what was answered."""
    texts = [f"swh_{number:012x}_guess" for number in range(BURST + 2)]
    guesses = [stage.client(text, new_account(), stage.service) for text in texts]
    return [(await api.get("webhooks")).status for api in guesses]


async def test_guessing_tokens_is_slowed_down(limited: Stage) -> None:
    statuses = await guess(limited)
    assert statuses[-1] == 429
    assert set(statuses) == {401, 429}


async def test_who_has_a_good_token_is_let_in_although_somebody_guesses_from_the_same_address(
    limited: Stage,
) -> None:
    # Behind a proxy everybody comes from the same address.
    api = await limited.tenant()
    await guess(limited)
    assert (await api.get("webhooks")).status == 200
