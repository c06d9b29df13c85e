"""Tokens of the API: good, wrong, expired, revoked, and made by the command."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from service.management.token import token_id_in
from tests.api_client import check_error
from tests.e2e.shared_service import SharedService, new_account
from tests.forking.client import switchhook

HOOK = {"name": "crm", "uri": "http://127.0.0.1:9/", "hook": "channel_create"}


@pytest.mark.parametrize("token", [None, "", "garbage", "swh_0123456789ab_x", "swh__", "a b", "é"])
async def test_without_a_good_token_nobody_is_let_in(
    shared: SharedService, token: str | None
) -> None:
    api = shared.client(token, new_account(), shared.service)
    reply = await api.get("webhooks")
    check_error(reply, 401, "invalid_credentials")
    assert reply.headers["WWW-Authenticate"] == "Bearer"
    assert "version" not in reply.envelope


async def test_a_token_with_another_secret_is_no_token(shared: SharedService) -> None:
    api = await shared.tenant()
    text = str(api.token)
    for wrong in (text[:-1], text + "x", text[:-1] + ("a" if text[-1] != "a" else "b")):
        impostor = shared.client(wrong, api.account_id, shared.service)
        check_error(await impostor.get("webhooks"), 401, "invalid_credentials")
    assert (await api.get("webhooks")).status == 200


async def test_a_token_expires_and_can_be_revoked(shared: SharedService) -> None:
    past = datetime.now(UTC) - timedelta(hours=2)
    expired = await shared.tenant(now=past, lifetime=timedelta(hours=1))
    check_error(await expired.get("webhooks"), 401, "invalid_credentials")
    lasting = await shared.tenant(now=past, lifetime=timedelta(hours=3))
    assert (await lasting.get("webhooks")).status == 200
    change = {"$set": {"revoked_at": datetime.now(UTC)}}
    await shared.database["tokens"].update_one({"_id": token_id_in(str(lasting.token))}, change)
    check_error(await lasting.get("webhooks"), 401, "invalid_credentials")


async def test_a_token_may_stand_in_authorization_as_well(shared: SharedService) -> None:
    api = await shared.tenant()
    nobody = shared.client(None, api.account_id, shared.service)
    for scheme in ("Bearer", "bearer"):
        headers = {"Authorization": f"{scheme} {api.token}"}
        reply = await nobody.ask("GET", "webhooks", headers=headers)
        assert reply.status == 200
        assert reply.envelope["version"]
    wrong = {"Authorization": f"Basic {api.token}"}
    check_error(await nobody.ask("GET", "webhooks", headers=wrong), 401, "invalid_credentials")


async def test_the_store_has_no_token_that_could_be_used(shared: SharedService) -> None:
    api = await shared.tenant(name="console")
    text = str(api.token)
    document = await shared.database["tokens"].find_one({"_id": token_id_in(text)}) or {}
    secret = text.split("_", 2)[2]
    assert secret not in repr(document)
    assert document["name"] == "console"
    # What the store has is worth nothing to the API.
    for stolen in (document["digest"], f"swh_{document['_id']}_{document['digest']}"):
        thief = shared.client(stolen, api.account_id, shared.service)
        check_error(await thief.get("webhooks"), 401, "invalid_credentials")
    assert secret not in shared.service.log.read_text()


async def test_the_command_makes_lists_and_revokes_tokens(shared: SharedService) -> None:
    account_id = new_account()
    account = ("--account", account_id)

    async def command(*arguments: str) -> tuple[int, str]:
        return await switchhook("token", *arguments, env=shared.settings)

    (made, text), (read, other), (refused, _) = await asyncio.gather(
        command("create", *account, "--name", "crm", "--expires", "1h"),
        command("create", *account, "--read-only", "--descendants"),
        command("create"),
    )
    assert (made, read, refused) == (0, 0, 2)
    token = text.strip()
    api = shared.client(token, account_id, shared.service)
    reader = shared.client(other.strip(), account_id, shared.service)
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
