"""Webhooks changed through the API: what null removes, what stays hidden, who did it."""

import json
from typing import Any

import pytest

from service.dev.receiver import Receiver
from service.management.token import token_id_in
from tests.api_client import problem
from tests.e2e.harness import SECRET
from tests.e2e.shared_service import SharedService


async def test_null_in_a_patch_removes_an_option(shared: SharedService) -> None:
    api = await shared.tenant()
    options = {
        "timeout_s": 3,
        "headers": {"X-Key": "k"},
        "auth": {"type": "bearer", "token": "t"},
        "fallback_uri": "http://127.0.0.1:9/f",
        "custom_data": {"a": "b"},
        "modifiers": {"call_direction": "inbound"},
        "retries": 5,
    }
    webhook = await api.create("http://127.0.0.1:9/", **options)
    reply = await api.patch(f"webhooks/{webhook['id']}", **dict.fromkeys(options))
    assert reply.status == 200
    assert not {"timeout_s", "headers", "auth", "fallback_uri"} & set(reply.data)
    assert (reply.data["custom_data"], reply.data["modifiers"]) == ({}, {})
    assert reply.data["retries"] == 2
    stored = await shared.database["webhooks"].find_one({"_id": webhook["id"]}) or {}
    assert not set(options) & set(stored)


@pytest.mark.parametrize("member", ["name", "uri", "hook"])
async def test_null_cannot_remove_what_a_webhook_must_have(
    shared: SharedService, member: str
) -> None:
    api = await shared.tenant()
    webhook = await api.create("http://127.0.0.1:9/")
    assert problem(await api.patch(f"webhooks/{webhook['id']}", **{member: None}), member)
    assert (await api.get(f"webhooks/{webhook['id']}")).data[member] == webhook[member]


async def test_what_was_hidden_and_comes_back_leaves_secrets_as_they_are(
    shared: SharedService,
) -> None:
    api = await shared.tenant()
    webhook = await api.create(
        "http://127.0.0.1:9/",
        headers={"X-Api-Key": "key-1", "X-Other": "other-1"},
        auth={"type": "basic", "username": "u", "password": "p"},
    )
    before = await shared.database["webhooks"].find_one({"_id": webhook["id"]}) or {}
    seen = (await api.get(f"webhooks/{webhook['id']}")).data
    assert seen["headers"] == {"X-Api-Key": "(hidden)", "X-Other": "(hidden)"}
    assert seen["auth"] == {"type": "basic", "username": "u", "password": "(hidden)"}
    # A console sends the whole form back.
    reply = await api.ask("POST", f"webhooks/{webhook['id']}", {"data": seen | {"name": "new"}})
    assert reply.status == 200, reply.envelope
    after = await shared.database["webhooks"].find_one({"_id": webhook["id"]}) or {}
    secrets = ("secret", "headers", "auth")
    assert {key: after[key] for key in secrets} == {key: before[key] for key in secrets}
    assert after["name"] == "new"

    partly = {"X-Api-Key": "(hidden)", "X-Other": "other-2"}
    await api.patch(f"webhooks/{webhook['id']}", headers=partly)
    after = await shared.database["webhooks"].find_one({"_id": webhook["id"]}) or {}
    assert after["headers"] == {"X-Api-Key": "key-1", "X-Other": "other-2"}


async def test_a_webhook_that_moves_to_another_server_takes_no_hidden_credentials_along(
    shared: SharedService, receiver: Receiver
) -> None:
    api = await shared.tenant()
    secrets = {"headers": {"X-Key": "key-1"}, "auth": {"type": "bearer", "token": "hush"}}
    webhook = await api.create(receiver.url("/"), fallback_uri=receiver.url("/f"), **secrets)
    where = f"webhooks/{webhook['id']}"
    async with Receiver() as thief:
        for move in ({"uri": thief.url("/")}, {"fallback_uri": thief.url("/")}):
            for method in ("POST", "PATCH"):
                seen = (await api.get(where)).data
                for body in (move, seen | move):
                    reply = await api.ask(method, where, {"data": body})
                    for member in secrets:
                        assert "anew" in problem(reply, member)["required"]["message"]
        assert (await api.get(where)).data["uri"] == receiver.url("/")
        anew = {"headers": {"X-Key": "key-2"}, "auth": {"type": "bearer", "token": "mine"}}
        reply = await api.patch(where, uri=thief.url("/"), **anew)
        assert reply.status == 200, reply.envelope
        await shared.call(api.account_id, "c-1")
        await thief.until(lambda: len(thief.requests) == 1, 10)
        assert thief.requests[0].headers["X-Key"] == "key-2"
        assert thief.requests[0].headers["Authorization"] == "Bearer mine"


async def test_a_token_url_that_moves_takes_no_hidden_client_secret_along(
    shared: SharedService,
) -> None:
    api = await shared.tenant()
    auth = {"type": "oauth2", "client_id": "me", "client_secret": "hush"}
    token_url = {"token_url": "http://127.0.0.1:9/token"}
    webhook = await api.create("http://127.0.0.1:9/", auth={**auth, **token_url})
    where = f"webhooks/{webhook['id']}"
    moved = {**webhook["auth"], "token_url": "http://127.0.0.1:10/token"}
    assert "anew" in problem(await api.patch(where, auth=moved), "auth")["required"]["message"]
    assert (await api.patch(where, auth={**moved, "client_secret": "new"})).status == 200


async def test_the_audit_trail_names_the_token_and_not_its_secret(shared: SharedService) -> None:
    first = await shared.tenant()
    second = await shared.tenant(first.account_id)
    webhook = await first.create("http://127.0.0.1:9/")
    where = f"webhooks/{webhook['id']}"
    await second.patch(where, enabled=False)
    await second.patch(where, enabled=True, retries=1)
    await first.post(f"{where}/secret/rotate")
    trail = (await first.get(where)).data["_read_only"]
    names = [f"token:{token_id_in(str(client.token))}" for client in (first, second)]
    assert [(entry["action"], entry["by"]) for entry in trail["history"]] == [
        ("created", names[0]),
        ("disabled", names[1]),
        ("enabled", names[1]),
        ("rotated", names[0]),
    ]
    assert trail["history"][2]["members"] == ["enabled", "retries"]
    assert trail["history"][2]["changes"] == {
        "enabled": {"old": False, "new": True},
        "retries": {"old": 2, "new": 1},
    }
    assert (trail["created_by"], trail["modified_by"]) == (names[0], names[0])
    await second.delete(where)
    log = shared.service.log.read_text()
    lines = [json.loads(line) for line in log.splitlines() if "webhook.audited" in line]
    audited = [
        (line["action"], line["by"]) for line in lines if line["webhook_id"] == webhook["id"]
    ]
    assert audited[-1] == ("deleted", names[1])
    assert len(audited) == 5
    assert str(first.token) not in log


async def test_the_history_tells_old_and_new_values_and_no_secret(shared: SharedService) -> None:
    api = await shared.tenant()
    secrets = {"headers": {"X-Key": "hush-1"}, "auth": {"type": "bearer", "token": "hush-2"}}
    webhook = await api.create("http://127.0.0.1:9/old", **secrets, secret=SECRET)
    where = f"webhooks/{webhook['id']}"
    changes: dict[str, Any] = {
        "uri": "http://127.0.0.1:9/new",
        "custom_data": {"crm": "7"},
        "headers": {"X-Key": "hush-3"},
        "auth": None,
        "name": "crm",
    }
    await api.patch(where, **changes)
    await api.patch(where, custom_data={"x": "y" * 1000})
    await api.post(f"{where}/secret/rotate")
    trail = (await api.get(where)).data["_read_only"]
    created, edited, long, rotated = trail["history"]
    assert "changes" not in created
    assert edited["members"] == sorted(changes)
    assert edited["changes"] == {
        "uri": {"old": "http://127.0.0.1:9/old", "new": "http://127.0.0.1:9/new"},
        "custom_data": {"old": {}, "new": {"crm": "7"}},
        "headers": {"old": {"X-Key": "(hidden)"}, "new": {"X-Key": "(hidden)"}},
        "auth": {"old": {"type": "bearer", "token": "(hidden)"}, "new": None},
    }
    assert long["changes"]["custom_data"]["new"].endswith("yyy...")
    assert len(long["changes"]["custom_data"]["new"]) < 300
    assert rotated["changes"] == {"secret": {"old": "(hidden)", "new": "(hidden)"}}
    stored = await shared.database["webhooks"].find_one({"_id": webhook["id"]}) or {}
    assert "hush" not in repr(stored["history"])
    assert SECRET not in repr(stored["history"])


async def test_enabled_null_means_the_default_and_is_audited_as_what_it_does(
    shared: SharedService,
) -> None:
    api = await shared.tenant()
    webhook = await api.create("http://127.0.0.1:9/")
    reply = await api.patch(f"webhooks/{webhook['id']}", enabled=None)
    assert (reply.status, reply.data["enabled"]) == (200, True)
    assert reply.data["_read_only"]["history"][-1]["action"] != "disabled"
