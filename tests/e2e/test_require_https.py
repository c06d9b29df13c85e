"""An account that refuses plain http: no webhook of its own is made with it, or sent by it."""

import json
from typing import Any

import pytest

from service.dev.receiver import Receiver
from service.egress.rules import in_words
from tests.api_client import problem
from tests.e2e.harness import eventually, switch, webhook_document
from tests.e2e.shared_service import SharedService, new_account

RULE = in_words("require_https")
REFUSED = f"invalid client URL: refused by {RULE}"
# Loopback is allowed here; nobody listens there.
SAFE = "https://127.0.0.1:1/hook"


async def strict_account(shared: SharedService) -> str:
    account_id = new_account()
    await shared.database["accounts"].insert_one({"_id": account_id, "require_https": True})
    return account_id


@pytest.mark.parametrize(
    ("field", "members"),
    [
        ("uri", {"uri": "http://127.0.0.1:1/hook"}),
        ("fallback_uri", {"uri": SAFE, "fallback_uri": "http://127.0.0.1:1/fallback"}),
        (
            "auth",
            {
                "uri": SAFE,
                "auth": {
                    "type": "oauth2",
                    "token_url": "http://127.0.0.1:1/token",
                    "client_id": "me",
                    "client_secret": "hush",
                },
            },
        ),
    ],
)
async def test_plain_http_is_refused_when_a_webhook_is_made_or_changed(
    shared: SharedService, field: str, members: dict[str, Any]
) -> None:
    client = await shared.tenant(await strict_account(shared))
    reply = await client.put("webhooks", name="crm", hook="channel_create", **members)
    assert problem(reply, field)["error"]["message"] == REFUSED
    made = await client.create(SAFE)
    changed = await client.patch(f"webhooks/{made['id']}", **members)
    assert problem(changed, field)["error"]["message"] == REFUSED


@pytest.mark.parametrize("part", ["uri", "fallback_uri", "token_url"])
async def test_no_request_is_made_by_plain_http_whichever_part_of_a_webhook_wants_it(
    shared: SharedService, receiver: Receiver, part: str
) -> None:
    account_id = await strict_account(shared)
    await shared.database["webhooks"].insert_one(
        with_plain(part, receiver.url("/hook"), account_id)
    )
    await shared.call(account_id, "c-1")
    await expect_refusal(shared, account_id)
    assert receiver.requests == []


async def test_no_request_is_made_for_a_webhook_that_a_callflow_brought(
    shared: SharedService, receiver: Receiver
) -> None:
    account_id = await strict_account(shared)
    hook = {"_id": "63877497874", "uri": receiver.url("/ivr"), "pvt_account_id": account_id}
    body = {
        "Event-Category": "notification",
        "Event-Name": "webhook",
        "Hook": {**hook, "http_verb": "post", "retries": 1},
        "Data": {"Call-ID": "c-1"},
    }
    async with switch(shared.amqp_url) as kazoo:
        raw = json.dumps(body).encode()
        await kazoo.publish_raw("notifications", "notifications.webhook.callflow", raw)
    await expect_refusal(shared, account_id)
    assert receiver.requests == []


def with_plain(part: str, uri: str, account_id: str) -> dict[str, Any]:
    """Return a webhook of which one part is plain http."""
    document = webhook_document(SAFE, _id=new_account(), account_id=account_id, retries=0)
    if part != "token_url":
        return document | {part: uri}
    client = {"client_id": "me", "client_secret": "hush"}
    return document | {"auth": {"type": "oauth2", "token_url": uri, **client}}


async def expect_refusal(shared: SharedService, account_id: str) -> None:
    """Wait until a delivery of the account was given up, and see that this was why."""
    letters = shared.database["dead_letters"]
    letter = await eventually(lambda: letters.find_one({"account_id": account_id}), what="the end")
    assert letter["reason"] == "egress_refused"
    last = letter["attempts"][-1]
    assert last["outcome"] == "egress_refused"
    assert last["detail"].endswith(f"egress refused by {RULE}")


async def test_a_change_of_the_account_counts_at_once_both_ways_and_for_test_requests(
    shared: SharedService, receiver: Receiver
) -> None:
    client = await shared.tenant()
    accounts, account_id = shared.database["accounts"], client.account_id
    made = await client.create(receiver.url("/hook"), retries=0)
    await shared.call(account_id, "c-1")
    await receiver.until(lambda: len(receiver.requests) == 1, 10)

    async def tested() -> str:
        reply = await client.post(f"webhooks/{made['id']}/test")
        return str(reply.data["outcome"])

    await accounts.insert_one({"_id": account_id, "require_https": True})

    async def refused() -> bool:
        return await tested() == "egress_refused"

    await eventually(refused, 5, "the change of the account")
    before = len(receiver.requests)
    await shared.call(account_id, "c-2")
    letters = shared.database["dead_letters"]
    await eventually(lambda: letters.find_one({"call_id": "c-2", "account_id": account_id}))
    assert len(receiver.requests) == before
    await accounts.update_one({"_id": account_id}, {"$unset": {"require_https": ""}})

    async def taken() -> bool:
        return await tested() == "succeeded"

    await eventually(taken, 5, "the change back")


async def test_the_webhooks_of_descendants_are_not_meant(
    shared: SharedService, receiver: Receiver
) -> None:
    above, below = await strict_account(shared), new_account()
    await shared.database["accounts"].insert_one({"_id": below, "tree": [above]})
    client = await shared.tenant(below)
    await client.create(receiver.url("/below"))
    document = webhook_document(receiver.url("/above"), _id=new_account(), account_id=above)
    await shared.database["webhooks"].insert_one(document | {"include_subaccounts": True})
    await shared.call(below, "c-1")
    letters = shared.database["dead_letters"]
    await eventually(lambda: letters.find_one({"account_id": above}), what="the ancestor's")
    await receiver.until(lambda: len(receiver.requests) == 1, 10)
    assert [request.path for request in receiver.requests] == ["/below"]
