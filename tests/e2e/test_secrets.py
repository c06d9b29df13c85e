"""Nothing secret leaves the place where it is used."""

import asyncio
import json
from base64 import b64decode, b64encode
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from standardwebhooks.webhooks import Webhook as Verifier

from service.dev.receiver import Receiver, ScriptedAnswer
from service.text.keys import new_key
from tests.api_client import Client
from tests.e2e.harness import SECRET, eventually
from tests.e2e.shared_service import SharedService, StartShared, attempts_of, new_account
from tests.forking.client import ForkedService, switchhook

HEADER, BEARER, PASSWORD = "canary-header-1f", "canary-bearer-2e", "canary-password-3d"
CLIENT_SECRET, ACCESS_TOKEN, IN_QUERY = "canary-client-4c", "canary-access-5b", "canary-query-6a"
NEVER_STORED = (HEADER, BEARER, PASSWORD, CLIENT_SECRET, ACCESS_TOKEN)
OLD_KEY, NEW_KEY, SIGNING_KEY = new_key("k1"), new_key("k2"), new_key("pair")


def spellings(secret: str) -> list[str]:
    """Return how a secret may show: as it is, as base64, in a pair with a user name."""
    return [
        secret,
        b64encode(secret.encode()).decode(),
        b64encode(f"me:{secret}".encode()).decode(),
    ]


async def everything_stored(shared: SharedService) -> str:
    collections = await shared.database.list_collection_names()
    documents = [d for name in collections async for d in shared.database[name].find()]
    return repr(documents)


async def make_webhooks(tenant: Client, receiver: Receiver) -> list[dict[str, Any]]:
    """Create a webhook for every kind of credential; half of the requests to them fail."""
    auths: list[dict[str, str]] = [
        {"type": "bearer", "token": BEARER},
        {"type": "basic", "username": "me", "password": PASSWORD},
        {
            "type": "oauth2",
            "token_url": receiver.url("/token"),
            "client_id": "me",
            "client_secret": CLIENT_SECRET,
        },
    ]
    token = json.dumps({"access_token": ACCESS_TOKEN, "expires_in": 60}).encode()
    receiver.script("/token", ScriptedAnswer(200, body=token))
    made = []
    for number, auth in enumerate(auths):
        path = f"/hook-{number}"
        receiver.script(path, 500, 200)
        made.append(
            await tenant.create(
                f"{receiver.url(path)}?token={IN_QUERY}",
                auth=auth,
                headers={"X-Api-Key": HEADER},
                retries=1,
                public_key_signature=True,
            )
        )
    dead = await tenant.create(
        f"{receiver.url('/dead')}?token={IN_QUERY}", headers={"X-Api-Key": HEADER}, retries=0
    )
    receiver.script("/dead", 500)
    return [*made, dead]


async def test_after_a_full_run_no_secret_is_found_anywhere(
    new_shared: StartShared, receiver: Receiver
) -> None:
    keys = {"SWITCHHOOK_SECRETS__KEYS": OLD_KEY, "SWITCHHOOK_SECRETS__SIGNING_KEY": SIGNING_KEY}
    async with new_shared(**keys, SWITCHHOOK_LOG__LEVEL="debug") as shared:
        tenant = await shared.tenant()
        webhooks = await make_webhooks(tenant, receiver)
        await shared.call(tenant.account_id, "c-1", "c-2")

        async def all_dead() -> bool:
            return await shared.database["dead_letters"].count_documents({}) == 2

        await eventually(all_dead, what="the dead letters")
        await receiver.until(lambda: all(len(receiver.at(f"/hook-{n}")) >= 3 for n in range(3)), 15)
        # The attempts of the first webhook are looked at below.
        await attempts_of(tenant, 3, f"webhooks/{webhooks[0]['id']}/attempts")
        answers = [await tenant.post(f"webhooks/{webhooks[0]['id']}/test")]
        rotated = await tenant.post(f"webhooks/{webhooks[0]['id']}/secret/rotate", overlap_s=60)
        for webhook in webhooks:
            answers += [
                await tenant.get(f"webhooks/{webhook['id']}"),
                await tenant.patch(f"webhooks/{webhook['id']}", retries=2),
                await tenant.get(f"webhooks/{webhook['id']}/attempts"),
            ]
        attempt = answers[3].data[0]
        answers += [
            await tenant.get(f"webhooks/{webhooks[0]['id']}/attempts/{attempt['id']}"),
            await tenant.get("webhooks"),
            await tenant.get("dead_letters"),
            await tenant.put("webhooks", name="x", hook="all", auth={"type": BEARER}, uri="ftp:"),
            await tenant.delete(f"webhooks/{webhooks[3]['id']}"),
        ]
        assert all(answer.status in (200, 400) for answer in answers)
        metrics = repr(await shared.service.metrics())
        signing = [webhook["secret"] for webhook in webhooks] + [rotated.data["secret"]]
        stored, said = await everything_stored(shared), shared.service.log.read_text()
        told = repr([answer.envelope for answer in answers])
        for secret in (*NEVER_STORED, *signing, tenant.token or ""):
            for text in spellings(secret):
                for place, found in (("store", stored), ("log", said), ("metrics", metrics)):
                    assert text not in found, (secret, place)
                assert text not in told, secret
        assert IN_QUERY not in said + metrics


LAYERS = ("store", "publisher", "decoder", "match", "build", "sender")
"""Those that an event passes; a new account is asked for at its first."""
SABOTAGE = Path(__file__).with_name("sabotage")


@pytest.mark.parametrize("form", ["json", "console"])
async def test_what_fails_in_any_layer_tells_no_secret(
    form: str, new_shared: StartShared, receiver: Receiver, tmp_path: Path
) -> None:
    settings = {
        "PYTHONPATH": str(SABOTAGE),
        "SABOTAGE": str(tmp_path),
        "SWITCHHOOK_SECRETS__KEYS": OLD_KEY,
        "SWITCHHOOK_SECRETS__SIGNING_KEY": SIGNING_KEY,
        "SWITCHHOOK_DISABLE__FAILURE_COUNT": "100",
        "SWITCHHOOK_LOG__FORMAT": form,
        "SWITCHHOOK_LOG__LEVEL": "debug",
    }
    async with new_shared(**settings) as shared:
        log = shared.service.log

        async def told_of(layer: str) -> None:
            async def told() -> bool:
                return f"sabotaged: {layer}" in log.read_text()

            await eventually(told, what=f"the log line of the {layer}")

        tenant = await shared.tenant()
        webhooks = await make_webhooks(tenant, receiver)
        for layer in LAYERS:
            receiver.script("/hook-0", 500, 200)
            await asyncio.to_thread((tmp_path / layer).touch)
            await shared.call(tenant.account_id, f"c-{layer}")
            await told_of(layer)
        for layer in ("handler", "management"):
            await asyncio.to_thread((tmp_path / layer).touch)
            headers = {"X-Api-Key": HEADER, "X-More": "x" * 20_000}
            auth = {"type": "bearer", "token": BEARER}
            members = {"name": "x", "hook": "all", "auth": auth, "headers": headers}
            uri = f"{receiver.url('/x')}?token={IN_QUERY}"
            answer = await tenant.put("webhooks", **members, uri=uri, secret=SECRET)
            assert answer.status == 500, answer.envelope
            await told_of(layer)
            assert IN_QUERY not in repr(answer.envelope)
        said = log.read_bytes()
        signing = [webhook["secret"] for webhook in webhooks]
        for secret in (*NEVER_STORED, *signing, SECRET, IN_QUERY, tenant.token or ""):
            for text in spellings(secret):
                assert text.encode() not in said, secret
        assert max(map(len, said.splitlines())) < 16 * 1024
        # The traceback is there: where it failed, and by what.
        assert said.count(b"SabotagedError") >= len(LAYERS) + 2
        assert b"sitecustomize.py" in said


async def test_credentials_arrive_where_they_belong(
    new_shared: StartShared, receiver: Receiver
) -> None:
    keys = {"SWITCHHOOK_SECRETS__KEYS": OLD_KEY, "SWITCHHOOK_SECRETS__SIGNING_KEY": SIGNING_KEY}
    async with new_shared(**keys) as shared:
        tenant = await shared.tenant()
        webhooks = await make_webhooks(tenant, receiver)
        await shared.call(tenant.account_id, "c-1")
        await receiver.until(lambda: all(len(receiver.at(f"/hook-{n}")) >= 2 for n in range(3)), 15)
        pair = b64encode(f"me:{PASSWORD}".encode()).decode()
        wanted = (f"Bearer {BEARER}", f"Basic {pair}", f"Bearer {ACCESS_TOKEN}")
        for number, authorization in enumerate(wanted):
            [_, request] = receiver.at(f"/hook-{number}")
            assert request.headers["Authorization"] == authorization
            assert request.headers["X-Api-Key"] == HEADER
            headers = dict(request.headers)
            Verifier(webhooks[number]["secret"]).verify(request.body, headers)
        document = (await tenant.get(f"webhooks/{webhooks[0]['id']}")).data
        [_, request] = receiver.at("/hook-0")
        verify_with_public_key(document["_read_only"]["public_key"], request.headers, request.body)
        [asked, *_] = receiver.at("/token")
        basic = b64encode(f"me:{CLIENT_SECRET}".encode()).decode()
        assert asked.headers["Authorization"] == f"Basic {basic}"
        assert len(receiver.at("/token")) == 1


def verify_with_public_key(public_key: str, headers: Any, body: bytes) -> None:
    """Verify as Standard Webhooks say. Raises InvalidSignature."""
    key = Ed25519PublicKey.from_public_bytes(b64decode(public_key.removeprefix("whpk_")))
    [theirs] = [s for s in headers["webhook-signature"].split(" ") if s.startswith("v1a,")]
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    key.verify(b64decode(theirs.removeprefix("v1a,")), signed)


async def test_a_new_key_takes_the_place_of_the_old_one_while_deliveries_go_on(
    new_shared: StartShared, receiver: Receiver
) -> None:
    async with new_shared(SWITCHHOOK_SECRETS__KEYS=OLD_KEY) as shared:
        tenant = await shared.tenant()
        webhook = await tenant.create(receiver.url("/hook"), headers={"X-Api-Key": HEADER})
        account = {"_id": new_account(), "voipbin_secret": "text"}
        await shared.database["accounts"].insert_one(account)
        await shared.call(tenant.account_id, "c-1")
        await receiver.until(lambda: len(receiver.requests) == 1, 10)
        both = {**shared.settings, "SWITCHHOOK_SECRETS__KEYS": f"{NEW_KEY} {OLD_KEY}"}
        code, text = await switchhook("secrets", "rewrap", "--dry-run", env=both)
        assert (code, text) == (0, "2 documents would be encrypted with the newest key\n")
        code, text = await switchhook("secrets", "rewrap", env=both)
        assert (code, text) == (0, "2 documents encrypted with the newest key\n")
        stored = await shared.database["webhooks"].find_one({"_id": webhook["id"]})
        assert stored is not None
        assert stored["secret"].startswith("sealed:k2:")
        stored = await shared.database["accounts"].find_one({"_id": account["_id"]})
        assert stored is not None
        assert stored["voipbin_secret"].startswith("sealed:k2:")
        new_only = {**shared.settings, "SWITCHHOOK_SECRETS__KEYS": NEW_KEY}
        code, text = await switchhook("check", env=new_only)
        assert "encrypted with the newest key" in text
        old_only = {**shared.settings, "SWITCHHOOK_SECRETS__KEYS": OLD_KEY}
        code, text = await switchhook("check", env=old_only)
        assert "headers, secret cannot be decrypted; check that secrets.keys has the key" in text
        await shared.service.stop()
        later = ForkedService(shared.directory / "later", new_only)
        shared.stack.push_async_callback(later.stop)
        await later.start()
        await shared.call(tenant.account_id, "c-2")
        await receiver.until(lambda: len(receiver.requests) == 2, 10)
        request = receiver.requests[1]
        Verifier(webhook["secret"]).verify(request.body, dict(request.headers))


@pytest.mark.parametrize("keys", ["k1", "k1:AAAA", "k1:" + "A" * 44])
async def test_a_key_that_is_none_is_refused_without_being_shown(
    keys: str, settings: dict[str, str]
) -> None:
    code, text = await switchhook("check", env={**settings, "SWITCHHOOK_SECRETS__KEYS": keys})
    assert code == 2
    assert "secrets.keys (variable SWITCHHOOK_SECRETS__KEYS): a key must be" in text
    assert "AAAA" not in text
