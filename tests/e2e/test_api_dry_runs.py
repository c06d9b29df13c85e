"""Trying webhooks out through the API: a test request, and who would get an event."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from service.dev.receiver import Receiver, ScriptedAnswer
from tests.api_client import problem
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
