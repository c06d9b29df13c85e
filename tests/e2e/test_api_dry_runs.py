"""Trying webhooks out through the API: a test request, and who would get an event."""

import json
from collections.abc import Callable
from html import unescape
from typing import Any

import pytest

from service.dev.receiver import Receiver, ScriptedAnswer
from tests.api_client import problem
from tests.e2e.browser import Browser, of, signed_in
from tests.e2e.shared_service import SharedService, attempts_of


async def test_a_test_request_is_sent_at_once_and_counts_for_nothing(
    shared: SharedService, receiver: Receiver
) -> None:
    api = await shared.tenant()
    receiver.script(
        "/bad", ScriptedAnswer(500, body=b"not today"), ScriptedAnswer(200, body=b"thanks")
    )
    webhook = await api.create(receiver.url("/bad"), hook="channel_destroy", retries=3)
    where = f"webhooks/{webhook['id']}"
    reply = await api.post(f"{where}/test")
    assert reply.status == 200
    assert reply.data["test"] is True
    assert (reply.data["result"], reply.data["resp_status_code"]) == ("failure", "500")
    assert (reply.data["resp_body"], reply.data["hook"]) == ("not today", "channel_destroy")
    request = receiver.requests[0]
    assert request.headers["X-Switchhook-Test"] == "true"
    assert json.loads(request.body)["hook_event"] == "channel_destroy"
    assert reply.data["req_headers"]["webhook-signature"] == "(hidden)"
    again = await api.post(f"{where}/test", hook="sms")
    assert (again.data["result"], again.data["resp_body"]) == ("success", "thanks")
    assert again.data["hook"] == "sms"
    listed = await attempts_of(api, 2, f"{where}/attempts")
    assert [item["test"] for item in listed] == [True, True]
    health = (await api.get(where)).data["_read_only"]["health"]
    assert health["recent_failures"] == 0
    assert len(receiver.requests) == 2
    assert (await api.get("dead_letters")).data == []
    replay = await api.post(f"{where}/attempts/{listed[0]['id']}/replay")
    assert replay.status == 409
    assert "enum" in problem(await api.post(f"{where}/test", hook="no_such_hook"), "hook")


@pytest.mark.parametrize(
    ("event", "matches"),
    [({}, True), ({"Call-Direction": "outbound"}, False)],
    ids=["sample", "posted"],
)
async def test_would_it_match_tells_which_webhooks_would_hear_and_why_others_would_not(
    shared: SharedService, event: dict[str, Any], matches: bool
) -> None:
    api = await shared.tenant()
    options: dict[str, dict[str, Any]] = {
        "plain": {},
        "inbound": {"modifiers": {"call_direction": "inbound"}},
        "other": {"hook": "sms"},
        "off": {"enabled": False},
        "every": {"hook": "all"},
    }
    for name, members in options.items():
        await api.create("http://127.0.0.1:9/", name=name, **members)
    reply = await api.post("webhooks/match", hook="channel_create", event=event)
    assert reply.status == 200
    (answer,) = reply.data
    assert answer["hook"] == "channel_create"
    assert answer["payload"]["account_id"] == api.account_id
    verdicts = {verdict["name"]: verdict for verdict in answer["webhooks"]}
    assert {name: verdict["matches"] for name, verdict in verdicts.items()} == {
        "plain": True,
        "inbound": matches,
        "other": False,
        "off": False,
        "every": True,
    }
    assert all(bool(v["reasons"]) is not v["matches"] for v in verdicts.values())
    reason: Callable[[str], str] = lambda name: " ".join(verdicts[name]["reasons"])  # noqa: E731
    assert "sms" in reason("other")
    assert "disabled" in reason("off")
    if not matches:
        assert "call_direction" in reason("inbound")


async def test_would_it_match_asks_for_a_sub_account_but_for_no_strangers(
    shared: SharedService,
) -> None:
    parent = await shared.tenant(descendants=True)
    child, stranger = [await shared.tenant() for _ in range(2)]
    tree = {"_id": child.account_id, "tree": [parent.account_id]}
    await shared.database["accounts"].insert_one(tree)
    await parent.create("http://127.0.0.1:9/", name="wide", include_subaccounts=True)
    await parent.create("http://127.0.0.1:9/", name="narrow")
    question = {"hook": "channel_create", "account_id": child.account_id}
    reply = await parent.post("webhooks/match", **question)
    verdicts = {item["name"]: item["matches"] for item in reply.data[0]["webhooks"]}
    assert verdicts == {"wide": True, "narrow": False}
    foreign = await parent.post("webhooks/match", **question | {"account_id": stranger.account_id})
    assert foreign.status == 403


async def test_would_it_match_goes_over_the_last_events_of_the_account_alone(
    shared: SharedService, receiver: Receiver
) -> None:
    parent = await shared.tenant(descendants=True)
    child, stranger = [await shared.tenant() for _ in range(2)]
    tree = {"_id": child.account_id, "tree": [parent.account_id]}
    await shared.database["accounts"].insert_one(tree)
    stored = await parent.create(receiver.url("/a"), hook="all", include_subaccounts=True)
    await parent.create(receiver.url("/b"), hook="all", mask=["caller_id_number"])
    await stranger.create(receiver.url("/c"))
    await shared.call(parent.account_id, "own-1", "own-2")
    await shared.call(child.account_id, "below")
    await shared.call(stranger.account_id, "foreign")
    await attempts_of(parent, 5)
    ask = {
        "hook": "channel_create",
        "filters": [{"member": "call_id", "op": "eq", "value": "own-1"}],
    }
    found = (await parent.post("webhooks/match/events", **ask)).data
    assert {one["call_id"]: one["matches"] for one in found["events"]} == {
        "own-1": True, "own-2": False, "below": False,
    }  # fmt: skip
    assert (found["matching"], found["without_payload"]) == (1, 0)
    reasons = {one["call_id"]: " ".join(one["reasons"]) for one in found["events"]}
    assert "filters.0" in reasons["own-2"]
    assert "include_subaccounts is false" in reasons["below"]
    # Of the rows of an event, one that masks nothing is read.
    assert {(one["hook_id"], one["masked"]) for one in found["events"]} == {(stored["id"], False)}
    by_id = (await parent.post("webhooks/match/events", hook_id=stored["id"])).data
    assert by_id["matching"] == 3
    narrow = await shared.tenant(parent.account_id)
    events = (await narrow.post("webhooks/match/events")).data["events"]
    assert {one["call_id"] for one in events} == {"own-1", "own-2"}
    masked = await narrow.post("webhooks/match/events", filters=[{"direction": "sideways"}])
    assert problem(masked, "filters.0.direction")
    foreign = await parent.post("webhooks/match/events", hook_id="f" * 32)
    assert foreign.status == 404


async def test_the_form_of_a_webhook_tells_without_javascript_which_events_it_would_get(
    shared: SharedService, receiver: Receiver, browser: Browser
) -> None:
    api = await shared.tenant()
    await api.create(receiver.url("/a"), hook="all")
    await shared.call(api.account_id, "own-1")
    await attempts_of(api, 1)
    await signed_in(browser, api.token)
    new = of(api, "webhooks/new")
    await browser.page(new)
    typed = {"hook": "all", "filters": '[{"callee": "+49*"}]', "try": "page"}
    text = unescape(await (await browser.send(new, **typed)).text())
    assert "0 of the last 1 event" in text
    assert 'filters.0 (callee like "+49*") did not hold' in text
    part = await (await browser.send(new, **typed | {"filters": "[{}]", "try": "part"})).text()
    assert "filters.0" in part
    assert "<form" not in part
    assert len((await api.get("webhooks")).data) == 1
