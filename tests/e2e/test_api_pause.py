"""Pause and resume: what would be sent is kept, and sent in order of arrival afterwards."""

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator
from typing import Any

import pytest

from service.dev.receiver import ReceivedRequest, Receiver, ScriptedAnswer
from service.pipeline.backlog.resume import LEASE_S
from tests.api_client import Client, make_token
from tests.e2e.browser import Browser, signed_in
from tests.e2e.harness import eventually
from tests.e2e.shared_service import SharedService, StartShared, new_account


@pytest.fixture(scope="module")
async def stage(new_shared: StartShared) -> AsyncIterator[SharedService]:
    """A service that keeps at most 20 deliveries for a webhook, and resumes at 40 per second."""
    limits = {"SWITCHHOOK_PAUSE__MOST_KEPT": "20", "SWITCHHOOK_PAUSE__RESUME_PER_S": "40"}
    async with new_shared(**limits) as running:
        yield running


def ids(requests: list[ReceivedRequest]) -> list[str]:
    return [one.headers["webhook-id"] for one in requests]


async def until_kept(api: Client, webhook_id: str, count: int) -> Any:
    async def kept() -> Any:
        trail = (await api.get(f"webhooks/{webhook_id}")).data["_read_only"]
        return trail if trail.get("backlog", 0) == count else None

    return await eventually(kept, what=f"{count} deliveries in the backlog")


async def paused(api: Client, url: str, **members: Any) -> str:
    made = await api.create(url, hook="all", format="json", paused=True, **members)
    return str(made["id"])


async def calls(stage: SharedService, api: Client, count: int, first: int = 0) -> list[str]:
    """Have calls happen one after another; return their ids."""
    names = [f"c-{number:03}" for number in range(first, first + count)]
    await stage.call(api.account_id, *names)
    return names


def call_ids(receiver: Receiver, path: str) -> list[str]:
    return [str(json.loads(one.body)["call_id"]) for one in receiver.at(path)]


async def test_a_paused_webhook_keeps_what_would_be_sent_and_sends_it_in_order_when_resumed(
    stage: SharedService, receiver: Receiver
) -> None:
    api = await stage.tenant()
    webhook_id = await paused(api, receiver.url("/kept"))
    names = []
    for number in range(5):
        names += await calls(stage, api, 1, number)
        await until_kept(api, webhook_id, number + 1)
    assert receiver.at("/kept") == []
    await api.patch(f"webhooks/{webhook_id}", paused=False)
    await receiver.until(lambda: len(receiver.at("/kept")) == 5, 10)
    assert call_ids(receiver, "/kept") == names
    await until_kept(api, webhook_id, 0)

    async def unmarked() -> bool:
        document = await stage.database["webhooks"].find_one({"_id": webhook_id})
        return document is not None and "has_backlog" not in document

    await eventually(unmarked, what="a webhook without the mark of a backlog")
    [later] = await calls(stage, api, 1, 100)
    await receiver.until(lambda: len(receiver.at("/kept")) == 6, 10)
    assert call_ids(receiver, "/kept")[-1] == later


async def test_what_was_kept_is_sent_with_the_masks_and_times_that_its_webhook_wants_by_then(
    stage: SharedService, receiver: Receiver
) -> None:
    api = await stage.tenant()
    webhook_id = await paused(api, receiver.url("/masked"))
    [call_id] = await calls(stage, api, 1)
    await until_kept(api, webhook_id, 1)
    await api.patch(f"webhooks/{webhook_id}", paused=False, mask=[{"member": "call_id", "keep": 2}])
    await receiver.until(lambda: len(receiver.at("/masked")) == 1, 10)
    [request] = receiver.at("/masked")
    assert call_id not in request.body.decode()
    assert request.headers["X-Switchhook-Received-At"]


async def test_new_events_go_behind_a_backlog_that_is_being_sent(
    stage: SharedService, receiver: Receiver
) -> None:
    api = await stage.tenant()
    webhook_id = await paused(api, receiver.url("/behind"))
    before = await calls(stage, api, 18)
    await until_kept(api, webhook_id, 18)
    await api.patch(f"webhooks/{webhook_id}", paused=False)
    await receiver.until(lambda: len(receiver.at("/behind")) >= 2, 10)
    [after] = await calls(stage, api, 1, 500)
    await receiver.until(lambda: len(receiver.at("/behind")) == 19, 10)
    assert sorted(call_ids(receiver, "/behind")[:-1]) == before
    assert call_ids(receiver, "/behind")[-1] == after
    times = [one.at for one in receiver.at("/behind")]
    assert times[17] - times[0] > 17 / 40 * 0.8


async def test_a_retry_of_a_paused_webhook_joins_its_backlog(
    stage: SharedService, receiver: Receiver
) -> None:
    api = await stage.tenant()
    # The first answer takes longer than to pause the webhook.
    receiver.script("/retried", ScriptedAnswer(500, delay_s=2), 200)
    made = await api.create(receiver.url("/retried"), hook="all", retries=2)
    await calls(stage, api, 1)
    await receiver.until(lambda: len(receiver.at("/retried")) == 1, 10)
    await api.patch(f"webhooks/{made['id']}", paused=True)
    await until_kept(api, made["id"], 1)
    await api.patch(f"webhooks/{made['id']}", paused=False)
    await receiver.until(lambda: len(receiver.at("/retried")) == 2, 10)
    first, second = receiver.at("/retried")
    assert ids([first]) == ids([second])
    assert second.headers["X-Switchhook-Attempt"] == "2"


async def test_beyond_the_limit_the_oldest_become_dead_letters(
    stage: SharedService, receiver: Receiver
) -> None:
    api = await stage.tenant()
    webhook_id = await paused(api, receiver.url("/full"))
    await calls(stage, api, 3)
    await until_kept(api, webhook_id, 3)
    await calls(stage, api, 20, 100)
    await until_kept(api, webhook_id, 20)

    async def letters() -> Any:
        found = (await api.get("dead_letters")).data
        return found if len(found) == 3 else None

    found = await eventually(letters, what="three dead letters")
    assert {one["reason"] for one in found} == {"backlog_full"}
    assert {one["call_id"] for one in found} == {"c-000", "c-001", "c-002"}


async def test_a_killed_worker_loses_nothing_of_the_backlog_it_was_sending(
    stage: SharedService, receiver: Receiver
) -> None:
    api = await stage.tenant()
    webhook_id = await paused(api, receiver.url("/killed"))
    names = await calls(stage, api, 20)
    await until_kept(api, webhook_id, 20)
    other = await stage.another_worker()
    # The first worker's lease ends. It has no part until the second was killed in the middle.
    os.killpg(stage.service.pid, signal.SIGSTOP)
    try:
        await asyncio.sleep(LEASE_S + 1)
        await stage.client(api.token, api.account_id, other).patch(
            f"webhooks/{webhook_id}", paused=False
        )
        await receiver.until(lambda: len(receiver.at("/killed")) >= 4, 15)
        await other.kill()
    finally:
        os.killpg(stage.service.pid, signal.SIGCONT)
    await receiver.until(lambda: set(call_ids(receiver, "/killed")) == set(names), 15)
    sent = ids(receiver.at("/killed"))
    assert len(set(sent)) == 20
    assert len(sent) <= 21
    await until_kept(api, webhook_id, 0)


async def test_an_ordered_webhook_makes_no_attempt_while_it_is_paused(
    stage: SharedService, receiver: Receiver
) -> None:
    api = await stage.tenant()
    webhook_id = await paused(api, receiver.url("/strict"), ordering="call_strict")
    await calls(stage, api, 1)

    async def held() -> bool:
        wanted = {"lane": {"$regex": f"^{webhook_id}/"}}
        return await stage.database["held_deliveries"].count_documents(wanted) == 1

    await eventually(held, what="a held delivery")
    await asyncio.sleep(0.5)
    assert receiver.at("/strict") == []
    await api.patch(f"webhooks/{webhook_id}", paused=False)
    await receiver.until(lambda: len(receiver.at("/strict")) == 1, 10)


@pytest.mark.parametrize("what", ["account", "endpoint"])
async def test_an_operator_pauses_and_resumes_an_account_or_an_endpoint(
    what: str, stage: SharedService, receiver: Receiver
) -> None:
    api = await stage.tenant()
    operator = await stage.superuser(new_account())
    url = receiver.url(f"/{what}")
    webhook_id = (await api.create(url, hook="all", format="json"))["id"]
    order = {"account_id": api.account_id} if what == "account" else {"endpoint": url}
    made = await operator.ask("PUT", "/v2/pauses", body=order)
    assert made.status == 201
    try:
        listed = (await operator.ask("GET", "/v2/pauses")).data
        assert [one["id"] for one in listed] == [made.data["id"]]
        names: list[str] = []

        async def is_kept() -> bool:
            """Have calls happen until one is kept: workers learn of a pause within a second."""
            [name] = await calls(stage, api, 1, len(names))
            names.append(name)
            await asyncio.sleep(0.1)
            trail = (await api.get(f"webhooks/{webhook_id}")).data["_read_only"]
            return bool(trail.get("backlog"))

        await eventually(is_kept, what="a delivery in the backlog")

        async def none_under_way() -> bool:
            trail = (await api.get(f"webhooks/{webhook_id}")).data["_read_only"]
            return len(receiver.at(f"/{what}")) + int(trail["backlog"]) == len(names)

        await eventually(none_under_way, what="each call sent or kept")
        before = len(receiver.at(f"/{what}"))
        names += await calls(stage, api, 2, 100)
        await until_kept(api, webhook_id, len(names) - before)
        assert len(receiver.at(f"/{what}")) == before
    finally:
        ended = await operator.ask("DELETE", f"/v2/pauses/{made.data['id']}")
    assert ended.status == 200
    await receiver.until(lambda: len(receiver.at(f"/{what}")) == len(names), 10)
    assert sorted(call_ids(receiver, f"/{what}")) == names


async def test_an_operator_pauses_and_resumes_in_the_console(
    shared: SharedService, browser: Browser, tenant: Client
) -> None:
    operator = await make_token(shared.database, None)
    await signed_in(browser, operator)
    assert "Nothing is paused" in await browser.page("/console/pauses")
    refused = await browser.send("/console/pauses", wanted="ftp://a.example")
    assert refused.status == 400
    await browser.send("/console/pauses", wanted=tenant.account_id)
    assert tenant.account_id in await browser.page("/console/pauses")
    [pause] = await shared.database["pauses"].find({}).to_list(None)
    await browser.send(f"/console/pauses/{pause['_id']}/resume")
    assert "Nothing is paused" in await browser.page("/console/pauses")
    await signed_in(browser, tenant.token)
    await browser.page("/console/pauses", 404)


async def test_only_an_operator_may_pause_an_endpoint(stage: SharedService) -> None:
    api = await stage.tenant()
    refused = await api.ask("PUT", "/v2/pauses", body={"endpoint": "https://a.example"})
    assert refused.status == 403
    operator = await stage.superuser(new_account())
    for order in (
        {},
        {"endpoint": "ftp://a"},
        {"account_id": "a", "endpoint": "https://a.example"},
    ):
        assert (await operator.ask("PUT", "/v2/pauses", body=order)).status == 400
