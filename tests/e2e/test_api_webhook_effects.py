"""What comes of a change through the API, and how soon: webhooks fire, or fire no more."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from service.dev.receiver import Receiver, ScriptedAnswer
from service.dev.servers import MongoServer
from service.management.token import token_id_in
from tests.api_client import Client, problem
from tests.e2e.harness import call_event, eventually, logged, metric, switch
from tests.e2e.shared_service import SharedService, StartShared

POLL_S = 1.0
STREAM_S = 1.0
"""How soon a change must count where MongoDB tells of it."""


@pytest.fixture(scope="module")
async def standalone(new_shared: StartShared, directory: Path) -> AsyncIterator[SharedService]:
    """MongoDB is a single server: changes are looked for every second."""
    async with MongoServer(directory / "standalone", replica_set=False) as mongo:
        options = {
            "SWITCHHOOK_MONGO__URL": mongo.url,
            "SWITCHHOOK_CACHE__POLL_INTERVAL_S": str(POLL_S),
        }
        async with new_shared(**options) as running:
            yield running


async def test_a_webhook_that_fails_six_times_shows_why_it_is_off_and_a_patch_brings_it_back(
    shared: SharedService, receiver: Receiver
) -> None:
    api = await shared.tenant()
    receiver.script("/dead", 500)
    webhook = await api.create(receiver.url("/dead"), retries=0)
    told = {"hook": "notifications", "custom_data": {"type": "webhook_disabled"}}
    await api.create(receiver.url("/told"), **told)
    await shared.call(api.account_id, *(f"c-{number}" for number in range(1, 6)))
    await receiver.until(lambda: len(receiver.at("/dead")) == 5, 10)
    where = f"webhooks/{webhook['id']}"

    async def failures(count: int) -> bool:
        health = (await api.get(where)).data["_read_only"]["health"]
        return bool(health["recent_failures"] == count)

    await eventually(lambda: failures(5), what="five failures counted")
    assert (await api.get(where)).data["enabled"] is True
    await shared.call(api.account_id, "c-6")
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
    # One more failure must not disable it; six more would.
    receiver.script("/dead", 500, 200)

    async def heard_more() -> bool:
        await shared.call(api.account_id, "again")
        return len(receiver.at("/dead")) > heard

    await eventually(heard_more, what="a request after it was enabled")
    assert (await api.get(where)).data["enabled"] is True
    items = (await api.get("webhooks")).data
    assert not any("disable_reason" in item for item in items)


async def test_bulk_re_enabling_touches_only_what_was_disabled_for_failing(
    shared: SharedService, receiver: Receiver
) -> None:
    parent = await shared.tenant(descendants=True)
    child, stranger = [await shared.tenant() for _ in range(2)]
    await shared.database["accounts"].insert_one(
        {"_id": child.account_id, "tree": [parent.account_id]}
    )
    receiver.script("/gone", 410)
    failed = {}
    for api in (parent, child, stranger):
        failed[api] = (await api.create(receiver.url("/gone")))["id"]
        await shared.call(api.account_id, "c-1")
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
    audited = {
        line["webhook_id"]: line["account_id"]
        for line in logged(shared.service, "webhook.audited")
        if line["action"] == "enabled"
    }
    assert audited.items() >= {(failed[api], api.account_id) for api in (parent, child)}


async def test_a_webhook_created_switched_off_never_fires(
    shared: SharedService, receiver: Receiver
) -> None:
    api = await shared.tenant()
    await api.create(receiver.url("/off"), enabled=False)
    await api.create(receiver.url("/on"))
    await shared.call(api.account_id, "c-1", "c-2")
    await receiver.until(lambda: len(receiver.at("/on")) == 2, 10)
    assert receiver.at("/off") == []


async def calls_for(shared: SharedService, account_id: str, duration_s: float) -> dict[str, float]:
    """Have calls happen all the time; return the moment of each, monotonic, by its id."""
    made: dict[str, float] = {}
    begin = time.monotonic()
    async with switch(shared.amqp_url) as kazoo:
        while time.monotonic() < begin + duration_s:
            call_id = f"c-{len(made)}"
            made[call_id] = time.monotonic()
            await kazoo.publish(call_event(call_id, account_id=account_id))
            await asyncio.sleep(0.04)
    return made


def heard(receiver: Receiver, path: str) -> set[str]:
    return {json.loads(request.body)["call_id"] for request in receiver.at(path)}


async def check_that_changes_count(
    shared: SharedService, receiver: Receiver, within_s: float, workers: int = 1
) -> None:
    """Create a webhook while calls happen, and delete it: both must count within a time."""
    api = await shared.tenant()
    await api.create(receiver.url("/clock"))
    # Every worker knows the account before the webhook is there.
    first = await calls_for(shared, api.account_id, 0.2 * workers)
    await receiver.until(lambda: heard(receiver, "/clock") >= set(first), 10)

    webhook = await api.create(receiver.url("/new"))
    at = time.monotonic()
    made = await calls_for(shared, api.account_id, within_s + 0.5)
    await receiver.until(lambda: heard(receiver, "/clock") >= set(made), 10)
    owed = {call_id for call_id, published in made.items() if published - at >= within_s}
    assert owed
    await receiver.until(lambda: heard(receiver, "/new") >= owed, 5, "what the webhook is owed")

    deleted = await api.delete(f"webhooks/{webhook['id']}")
    at = time.monotonic()
    receiver.requests.clear()
    assert deleted.status == 200
    made = await calls_for(shared, api.account_id, within_s + 0.5)
    await receiver.until(lambda: heard(receiver, "/clock") >= set(made), 10)
    late = {call_id for call_id, published in made.items() if published - at >= within_s}
    assert late
    assert not heard(receiver, "/new") & late


async def test_a_new_webhook_and_a_deleted_one_count_within_a_second_in_every_worker(
    shared: SharedService, receiver: Receiver
) -> None:
    worker = await shared.another_worker()
    await check_that_changes_count(shared, receiver, STREAM_S, workers=2)
    made = [await service.metrics() for service in (shared.service, worker)]
    name = 'switchhook_attempts_total{outcome="succeeded"}'
    assert all(metric(metrics, name) for metrics in made), "both workers had a part in it"
    await worker.stop()


async def test_both_count_within_the_polling_interval_on_a_standalone_mongod(
    standalone: SharedService, receiver: Receiver
) -> None:
    assert "watch.polling" in standalone.service.log.read_text()
    await check_that_changes_count(standalone, receiver, POLL_S)


@pytest.mark.parametrize("kind", ["shared", "standalone"])
async def test_the_retries_that_wait_for_a_deleted_webhook_are_cancelled(
    kind: str, request: pytest.FixtureRequest, receiver: Receiver
) -> None:
    shared: SharedService = request.getfixturevalue(kind)
    api = await shared.tenant()
    # The answer takes longer than to delete the webhook, and the retry comes after it.
    receiver.script("/bad", ScriptedAnswer(500, delay_s=2))
    webhook = await api.create(receiver.url("/bad"))
    name = 'switchhook_deliveries_total{outcome="cancelled"}'
    before = metric(await shared.service.metrics(), name)
    await shared.call(api.account_id, "c-1")
    await receiver.until(lambda: len(receiver.requests) == 1, 10)
    assert (await api.delete(f"webhooks/{webhook['id']}")).status == 200

    async def cancelled() -> bool:
        return metric(await shared.service.metrics(), name) == before + 1

    await eventually(cancelled, what="the cancellation")
    assert len(receiver.requests) == 1
