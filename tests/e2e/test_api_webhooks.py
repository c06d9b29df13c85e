"""Webhooks through the API: made, seen, changed, switched on and off, deleted; what comes of it."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from service.dev.receiver import Receiver
from service.dev.servers import MongoServer
from service.management.token import token_id_in
from service.sources.bus_message import GREGORIAN_OFFSET_S
from tests.api_client import Client, problem
from tests.e2e.harness import call_event, eventually, metric, switch
from tests.e2e.stage import NewStage, Stage

POLL_S = 1.0
STREAM_S = 1.0
"""How soon a change must count where MongoDB tells of it."""
DEFAULTS = {
    "http_verb": "post",
    "format": "form-data",
    "retries": 2,
    "enabled": True,
    "include_subaccounts": False,
    "include_internal_legs": True,
    "custom_data": {},
    "modifiers": {},
}


@pytest.fixture(scope="module")
async def standalone(new_stage: NewStage, directory: Path) -> AsyncIterator[Stage]:
    """MongoDB is a single server: changes are looked for every second."""
    async with MongoServer(directory / "standalone", replica_set=False) as mongo:
        options = {
            "SWITCHHOOK_MONGO__URL": mongo.url,
            "SWITCHHOOK_CACHE__POLL_INTERVAL_S": str(POLL_S),
        }
        async with new_stage(**options) as running:
            yield running


async def test_a_webhook_is_created_with_defaults_and_its_secret_shown_once(stage: Stage) -> None:
    api = await stage.tenant()
    given = {"name": "crm", "uri": "http://127.0.0.1:9/x", "hook": "channel_destroy"}
    created = await api.put("webhooks", **given)
    assert created.status == 201
    webhook_id = created.data["id"]
    assert created.headers["Location"] == webhook_id
    assert created.headers["X-Request-ID"] == created.envelope["request_id"]
    assert created.envelope["status"] == "success"
    assert {key: created.data[key] for key in (*given, *DEFAULTS)} == given | DEFAULTS
    assert created.data["secret"].startswith("whsec_")

    read = await api.get(f"webhooks/{webhook_id}")
    assert read.status == 200
    assert read.data["secret"] == "(hidden)"
    assert {key: read.data[key] for key in (*given, *DEFAULTS)} == given | DEFAULTS
    assert read.data["_read_only"]["health"]["recent_failures"] == 0
    for other in (
        await api.patch(f"webhooks/{webhook_id}", retries=3),
        await api.post(f"webhooks/{webhook_id}", retries=4),
        await api.get("webhooks"),
        await api.delete(f"webhooks/{webhook_id}"),
    ):
        assert other.status == 200
        assert created.data["secret"] not in json.dumps(other.envelope)


async def test_a_secret_of_ones_own_is_taken_and_hidden_as_well(stage: Stage) -> None:
    api = await stage.tenant()
    own = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    webhook = await api.create("http://127.0.0.1:9/", secret=own)
    assert webhook["secret"] == own
    assert (await api.get(f"webhooks/{webhook['id']}")).data["secret"] == "(hidden)"


async def test_post_merges_and_reports_what_it_does_not_know_as_dashs_sample_needs(
    stage: Stage,
) -> None:
    api = await stage.tenant()
    webhook = await api.create("http://127.0.0.1:9/x", retries=4, custom_data={"crm": "7"})
    reply = await api.ask(
        "POST", f"webhooks/{webhook['id']}", {"data": {"enabled": False, "retiees": 3}}
    )
    assert reply.status == 200
    assert reply.envelope["metadata"] == {"ignored": ["retiees"]}
    unchanged = ("name", "uri", "hook", "format", "retries", "custom_data")
    assert {key: reply.data[key] for key in unchanged} == {key: webhook[key] for key in unchanged}
    assert reply.data["enabled"] is False


async def test_extra_keys_of_a_new_webhook_are_reported_and_choose_no_id(stage: Stage) -> None:
    api, other = await stage.tenant(), await stage.tenant()
    theirs = await other.create("http://127.0.0.1:9/theirs")
    sample = {
        "name": "New calls",
        "uri": "http://127.0.0.1:9/calls",
        "http_verb": "post",
        "hook": "channel_create",
        "retries": 4,
        "enabled": True,
        "include_subaccounts": True,
        "include_internal_legs": False,
        "id": theirs["id"],
        "type": "all",
        "action": "all",
    }
    reply = await api.ask("PUT", "webhooks", {"data": sample})
    assert reply.status == 201
    assert reply.envelope["metadata"] == {"ignored": ["action", "id", "type"]}
    assert reply.data["id"] != theirs["id"]
    kept = {key: sample[key] for key in sample if key not in ("id", "type", "action")}
    assert {key: reply.data[key] for key in kept} == kept
    assert (await other.get(f"webhooks/{theirs['id']}")).data["uri"] == theirs["uri"]


async def test_dashs_voicemail_sample_is_accepted_and_means_missed_calls(stage: Stage) -> None:
    api = await stage.tenant()
    sample = {
        "name": "Voicemail",
        "uri": "http://127.0.0.1:9/voicemail",
        "http_verb": "post",
        "hook": "notifications",
        "retries": 4,
        "custom_data": {"type": "missed_call"},
        "type": "notifications",
    }
    reply = await api.ask("PUT", "webhooks", {"data": sample})
    assert reply.status == 201
    assert reply.data["custom_data"] == {"type": "missed_call"}
    assert reply.envelope["metadata"] == {"ignored": ["type"]}


@pytest.mark.parametrize("body", [{"enabled": True}, {"data": {"enabled": True}}], ids=str)
async def test_enabled_may_be_patched_bare_as_vinix_does_or_wrapped_as_kazoo_does(
    stage: Stage, body: dict[str, Any]
) -> None:
    api = await stage.tenant()
    webhook = await api.create("http://127.0.0.1:9/", enabled=False)
    reply = await api.ask("PATCH", f"webhooks/{webhook['id']}", body)
    assert (reply.status, reply.data["enabled"]) == (200, True)
    assert "metadata" not in reply.envelope


async def test_crossbars_leniency_takes_texts_for_numbers_and_flags(stage: Stage) -> None:
    api = await stage.tenant()
    members = {"retries": "3", "enabled": "false", "hook": "CHANNEL_CREATE", "http_verb": "PUT"}
    webhook = await api.create("http://127.0.0.1:9/", **members)
    assert (webhook["retries"], webhook["enabled"]) == (3, False)
    assert (webhook["hook"], webhook["http_verb"]) == ("channel_create", "put")


async def test_a_deleted_webhook_is_gone(stage: Stage) -> None:
    api = await stage.tenant()
    webhook = await api.create("http://127.0.0.1:9/")
    deleted = await api.delete(f"webhooks/{webhook['id']}")
    assert deleted.status == 200
    assert deleted.data["_read_only"]["deleted"] is True
    assert deleted.data["name"] == "crm"
    for method, body in (("GET", None), ("POST", {}), ("PATCH", {"enabled": True}), ("DELETE", {})):
        reply = await api.ask(method, f"webhooks/{webhook['id']}", body)
        assert (reply.status, reply.envelope["message"]) == (404, "bad_identifier")
        assert reply.data["cause"] == webhook["id"]
    assert (await api.get("webhooks")).data == []


@pytest.mark.parametrize("ascending", [False, True])
async def test_paging_shows_every_webhook_exactly_once(stage: Stage, ascending: bool) -> None:
    api = await stage.tenant()
    made = [(await api.create("http://127.0.0.1:9/"))["id"] for _ in range(7)]
    order = {"ascending": "true"} if ascending else {}
    pages = await api.pages("webhooks", page_size=3, **order)
    assert [len(page) for page in pages] == [3, 3, 1]
    seen = [item["id"] for page in pages for item in page]
    assert seen == sorted(made, reverse=not ascending)
    whole = await api.get("webhooks", paginate="false", page_size=2, **order)
    assert [item["id"] for item in whole.data] == seen
    assert "next_start_key" not in whole.envelope
    exact = await api.get("webhooks", page_size=7, **order)
    assert "next_start_key" not in exact.envelope


async def test_a_list_can_be_filtered(stage: Stage) -> None:
    api = await stage.tenant()
    plain = (await api.create("http://127.0.0.1:9/", name="plain"))["id"]
    off = (await api.create("http://127.0.0.1:9/", name="off", enabled=False))["id"]
    options = {"hook": "sms", "fallback_uri": "http://127.0.0.1:9/f", "http_verb": "put"}
    other = (await api.create("http://127.0.0.1:9/", name="other", **options))["id"]

    async def found(**query: str) -> set[str]:
        reply = await api.get("webhooks", **query)
        assert reply.status == 200, reply.envelope
        return {item["id"] for item in reply.data}

    assert await found(filter_hook="channel_create") == {plain, off}
    assert await found(filter_enabled="false") == {off}
    assert await found(filter_name="plain") == {plain}
    assert await found(filter_http_verb="put") == {other}
    assert await found(filter_retries="2") == {plain, off, other}
    assert await found(filter_not_hook="channel_create") == {other}
    assert await found(filter_hook="channel_create", filter_not_enabled="false") == {plain}
    assert await found(has_key="fallback_uri") == {other}
    assert await found(key_missing="fallback_uri") == {plain, off}
    assert await found(has_value="fallback_uri") == {other}
    assert await found(value_missing="fallback_uri") == {plain, off}
    assert await found(filter_no_such_member="x") == set()


async def test_a_list_can_be_limited_to_a_time_in_gregorian_seconds(stage: Stage) -> None:
    api = await stage.tenant()
    webhooks = [await api.create("http://127.0.0.1:9/") for _ in range(3)]
    unix = [1_700_000_000, 1_700_000_100, 1_700_000_200]
    for webhook, at in zip(webhooks, unix, strict=True):
        created = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at))
        change = [{"$set": {"created_at": {"$dateFromString": {"dateString": created}}}}]
        await stage.database["webhooks"].update_one({"_id": webhook["id"]}, change)
    ids = [webhook["id"] for webhook in webhooks]
    early, middle, late = (at + GREGORIAN_OFFSET_S for at in unix)

    async def found(**query: int) -> list[str]:
        reply = await api.get("webhooks", **query)
        assert reply.status == 200, reply.envelope
        return [webhook_id for webhook_id in ids if webhook_id in {i["id"] for i in reply.data}]

    assert await found(created_from=middle) == ids[1:]
    assert await found(created_to=middle) == ids[:2]
    assert await found(created_from=early + 1, created_to=late - 1) == ids[1:2]
    assert await found(modified_from=late) == ids
    reply = await api.get("webhooks", created_from=late, created_to=early)
    assert "date_range" in problem(reply, "created_from")


async def test_a_webhook_is_listed_by_the_gregorian_second_it_was_made_in(stage: Stage) -> None:
    api = await stage.tenant()
    webhook = await api.create("http://127.0.0.1:9/")
    change = [
        {"$set": {"created_at": {"$dateFromString": {"dateString": "2024-01-01T00:00:00.500"}}}}
    ]
    await stage.database["webhooks"].update_one({"_id": webhook["id"]}, change)
    # Crossbar knows whole seconds only, so this one must lie within its own.
    second = 1_704_067_200 + GREGORIAN_OFFSET_S
    reply = await api.get("webhooks", created_from=second, created_to=second)
    assert [item["id"] for item in reply.data] == [webhook["id"]]


async def test_null_in_a_patch_removes_an_option(stage: Stage) -> None:
    api = await stage.tenant()
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
    stored = await stage.database["webhooks"].find_one({"_id": webhook["id"]}) or {}
    assert not set(options) & set(stored)


@pytest.mark.parametrize("member", ["name", "uri", "hook"])
async def test_null_cannot_remove_what_a_webhook_must_have(stage: Stage, member: str) -> None:
    api = await stage.tenant()
    webhook = await api.create("http://127.0.0.1:9/")
    assert problem(await api.patch(f"webhooks/{webhook['id']}", **{member: None}), member)
    assert (await api.get(f"webhooks/{webhook['id']}")).data[member] == webhook[member]


async def test_what_was_hidden_and_comes_back_leaves_secrets_as_they_are(stage: Stage) -> None:
    api = await stage.tenant()
    webhook = await api.create(
        "http://127.0.0.1:9/",
        headers={"X-Api-Key": "key-1", "X-Other": "other-1"},
        auth={"type": "basic", "username": "u", "password": "p"},
    )
    before = await stage.database["webhooks"].find_one({"_id": webhook["id"]}) or {}
    seen = (await api.get(f"webhooks/{webhook['id']}")).data
    assert seen["headers"] == {"X-Api-Key": "(hidden)", "X-Other": "(hidden)"}
    assert seen["auth"] == {"type": "basic", "username": "u", "password": "(hidden)"}
    # A console sends the whole form back.
    reply = await api.ask("POST", f"webhooks/{webhook['id']}", {"data": seen | {"name": "new"}})
    assert reply.status == 200, reply.envelope
    after = await stage.database["webhooks"].find_one({"_id": webhook["id"]}) or {}
    secrets = ("secret", "headers", "auth")
    assert {key: after[key] for key in secrets} == {key: before[key] for key in secrets}
    assert after["name"] == "new"

    partly = {"X-Api-Key": "(hidden)", "X-Other": "other-2"}
    await api.patch(f"webhooks/{webhook['id']}", headers=partly)
    after = await stage.database["webhooks"].find_one({"_id": webhook["id"]}) or {}
    assert after["headers"] == {"X-Api-Key": "key-1", "X-Other": "other-2"}


async def test_the_audit_trail_names_the_token_and_not_its_secret(stage: Stage) -> None:
    first = await stage.tenant()
    second = await stage.tenant(first.account_id)
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
    assert (trail["created_by"], trail["modified_by"]) == (names[0], names[0])
    await second.delete(where)
    log = stage.service.log.read_text()
    lines = [json.loads(line) for line in log.splitlines() if "webhook.audited" in line]
    audited = [
        (line["action"], line["by"]) for line in lines if line["webhook_id"] == webhook["id"]
    ]
    assert audited[-1] == ("deleted", names[1])
    assert len(audited) == 5
    assert str(first.token) not in log


async def test_enabled_null_means_the_default_and_is_audited_as_what_it_does(stage: Stage) -> None:
    api = await stage.tenant()
    webhook = await api.create("http://127.0.0.1:9/")
    reply = await api.patch(f"webhooks/{webhook['id']}", enabled=None)
    assert (reply.status, reply.data["enabled"]) == (200, True)
    assert reply.data["_read_only"]["history"][-1]["action"] != "disabled"


@pytest.mark.parametrize(
    "bad",
    [
        {"custom_data": "no object"},
        {"custom_data": {"at": b"\xff"}},
        {"modifiers": {"number": float("nan")}},
        {"http_verb": "delete"},
        {"uri": 7},
        {"hook": None},
        {"secret": "no secret"},
        {"headers": {"Host": "x.example"}},
    ],
    ids=str,
)
async def test_a_webhook_that_another_tool_wrote_badly_is_shown_with_its_problem(
    stage: Stage, bad: dict[str, Any]
) -> None:
    api = await stage.tenant()
    base = {"account_id": api.account_id, "hook": "sms", "uri": "http://127.0.0.1:9/"}
    webhook_id = f"{api.account_id}-bad"
    await stage.database["webhooks"].insert_one({**base, "_id": webhook_id, **bad})
    assert (await api.get("webhooks")).status == 200
    reply = await api.get(f"webhooks/{webhook_id}")
    assert reply.status == 200, reply.envelope
    if "modifiers" not in bad:
        assert reply.data["_read_only"]["problem"]
    removed = await api.delete(f"webhooks/{webhook_id}")
    assert removed.status == 200, removed.envelope


async def test_a_webhook_that_fails_six_times_shows_why_it_is_off_and_a_patch_brings_it_back(
    stage: Stage, receiver: Receiver
) -> None:
    api = await stage.tenant()
    receiver.script("/dead", 500)
    webhook = await api.create(receiver.url("/dead"), retries=0)
    told = {"hook": "notifications", "custom_data": {"type": "webhook_disabled"}}
    await api.create(receiver.url("/told"), **told)
    await stage.call(api.account_id, *(f"c-{number}" for number in range(1, 6)))
    await receiver.until(lambda: len(receiver.at("/dead")) == 5, 10)
    where = f"webhooks/{webhook['id']}"

    async def failures(count: int) -> bool:
        health = (await api.get(where)).data["_read_only"]["health"]
        return bool(health["recent_failures"] == count)

    await eventually(lambda: failures(5), what="five failures counted")
    assert (await api.get(where)).data["enabled"] is True
    await stage.call(api.account_id, "c-6")
    await receiver.until(lambda: len(receiver.at("/told")) == 1, 10, "webhook_disabled")
    listed = {item["id"]: item for item in (await api.get("webhooks")).data}
    assert listed[webhook["id"]]["enabled"] is False
    assert listed[webhook["id"]]["disable_reason"] == "too many failed attempts"
    assert (await api.get(where)).data["disable_reason"] == "too many failed attempts"

    reply = await api.ask("PATCH", where, {"enabled": True})
    assert reply.data["enabled"] is True
    assert "disable_reason" not in reply.data
    assert reply.data["_read_only"]["health"]["recent_failures"] == 0
    heard = len(receiver.at("/dead"))

    async def heard_more() -> bool:
        await stage.call(api.account_id, "again")
        return len(receiver.at("/dead")) > heard

    await eventually(heard_more, what="a request after it was enabled")
    assert (await api.get(where)).data["enabled"] is True
    items = (await api.get("webhooks")).data
    assert not any("disable_reason" in item for item in items)


async def test_bulk_re_enabling_touches_only_what_was_disabled_for_failing(
    stage: Stage, receiver: Receiver
) -> None:
    parent, child, stranger = [await stage.tenant() for _ in range(3)]
    await stage.database["accounts"].insert_one(
        {"_id": child.account_id, "tree": [parent.account_id]}
    )
    receiver.script("/gone", 410)
    failed = {}
    for api in (parent, child, stranger):
        failed[api] = (await api.create(receiver.url("/gone")))["id"]
        await stage.call(api.account_id, "c-1")
    by_hand = (await parent.create(receiver.url("/"), enabled=False))["id"]

    async def off(api: Client) -> list[str]:
        items = (await api.get("webhooks")).data
        return [item["id"] for item in items if not item["enabled"]]

    for api, webhook_id in failed.items():
        others = 2 if api is parent else 1

        async def all_off(api: Client = api, count: int = others) -> bool:
            return len(await off(api)) == count

        await eventually(all_off, what=f"{webhook_id} disabled")
    assert "required" in problem(await parent.ask("PATCH", "webhooks", {"data": {}}), "re-enable")
    refused = await parent.ask("PATCH", "webhooks", {"data": {"re-enable": False}})
    assert problem(refused, "re-enable")["enum"]["target"] == [True]

    reply = await parent.ask("PATCH", "webhooks", {"data": {"re-enable": True}})
    assert (reply.status, reply.data) == (200, "hooks updated")
    assert (await off(parent), await off(child)) == ([by_hand], [failed[child]])
    reply = await parent.ask("PATCH", "descendants/webhooks", {"data": {"re-enable": True}})
    assert (reply.status, reply.data) == (200, "hooks updated")
    assert (await off(parent), await off(child)) == ([by_hand], [])
    assert await off(stranger) == [failed[stranger]]
    trail = (await child.get(f"webhooks/{failed[child]}")).data["_read_only"]
    assert trail["history"][-1]["action"] == "enabled"
    assert trail["history"][-1]["by"] == f"token:{token_id_in(str(parent.token))}"


async def test_a_webhook_created_switched_off_never_fires(stage: Stage, receiver: Receiver) -> None:
    api = await stage.tenant()
    await api.create(receiver.url("/off"), enabled=False)
    await api.create(receiver.url("/on"))
    await stage.call(api.account_id, "c-1", "c-2")
    await receiver.until(lambda: len(receiver.at("/on")) == 2, 10)
    assert receiver.at("/off") == []


async def calls_for(stage: Stage, account_id: str, duration_s: float) -> dict[str, float]:
    """Have calls happen all the time; return the moment of each, monotonic, by its id."""
    made: dict[str, float] = {}
    begin = time.monotonic()
    async with switch(stage.amqp_url) as kazoo:
        while time.monotonic() < begin + duration_s:
            call_id = f"c-{len(made)}"
            made[call_id] = time.monotonic()
            await kazoo.publish(call_event(call_id, account_id=account_id))
            await asyncio.sleep(0.04)
    return made


def heard(receiver: Receiver, path: str) -> set[str]:
    return {json.loads(request.body)["call_id"] for request in receiver.at(path)}


async def check_that_changes_count(
    stage: Stage, receiver: Receiver, within_s: float, workers: int = 1
) -> None:
    """Create a webhook while calls happen, and delete it: both must count within a time."""
    api = await stage.tenant()
    await api.create(receiver.url("/clock"))
    # Every worker knows the account before the webhook is there.
    first = await calls_for(stage, api.account_id, 0.2 * workers)
    await receiver.until(lambda: heard(receiver, "/clock") >= set(first), 10)

    webhook = await api.create(receiver.url("/new"))
    at = time.monotonic()
    made = await calls_for(stage, api.account_id, within_s + 0.5)
    await receiver.until(lambda: heard(receiver, "/clock") >= set(made), 10)
    owed = {call_id for call_id, published in made.items() if published - at >= within_s}
    assert owed
    await receiver.until(lambda: heard(receiver, "/new") >= owed, 5, "what the webhook is owed")

    deleted = await api.delete(f"webhooks/{webhook['id']}")
    at = time.monotonic()
    receiver.requests.clear()
    assert deleted.status == 200
    made = await calls_for(stage, api.account_id, within_s + 0.5)
    await receiver.until(lambda: heard(receiver, "/clock") >= set(made), 10)
    late = {call_id for call_id, published in made.items() if published - at >= within_s}
    assert late
    assert not heard(receiver, "/new") & late


async def test_a_new_webhook_and_a_deleted_one_count_within_a_second_in_every_worker(
    stage: Stage, receiver: Receiver
) -> None:
    worker = await stage.another_worker()
    await check_that_changes_count(stage, receiver, STREAM_S, workers=2)
    made = [await service.metrics() for service in (stage.service, worker)]
    name = 'switchhook_attempts_total{outcome="succeeded"}'
    assert all(metric(metrics, name) for metrics in made), "both workers had a part in it"
    await worker.stop()


async def test_both_count_within_the_polling_interval_on_a_standalone_mongod(
    standalone: Stage, receiver: Receiver
) -> None:
    assert "watch.polling" in standalone.service.log.read_text()
    await check_that_changes_count(standalone, receiver, POLL_S)


@pytest.mark.parametrize("kind", ["stage", "standalone"])
async def test_the_retries_that_wait_for_a_deleted_webhook_are_cancelled(
    kind: str, request: pytest.FixtureRequest, receiver: Receiver
) -> None:
    stage: Stage = request.getfixturevalue(kind)
    api = await stage.tenant()
    receiver.script("/bad", 500)
    webhook = await api.create(receiver.url("/bad"))
    name = 'switchhook_deliveries_total{outcome="cancelled"}'
    before = metric(await stage.service.metrics(), name)
    await stage.call(api.account_id, "c-1")
    await receiver.until(lambda: len(receiver.requests) == 1, 10)
    assert (await api.delete(f"webhooks/{webhook['id']}")).status == 200

    async def cancelled() -> bool:
        return metric(await stage.service.metrics(), name) == before + 1

    await eventually(cancelled, what="the cancellation")
    assert len(receiver.requests) == 1
