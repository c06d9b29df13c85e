"""Rejected messages by API and console: from the queue into the store, and back."""

import json
from html import unescape
from typing import Any

from service.dev.receiver import Receiver
from tests.api_client import Client, check_error, make_token
from tests.e2e.browser import HOSTILE, Browser, signed_in
from tests.e2e.harness import call_event, eventually, switch
from tests.e2e.shared_service import SharedService


async def test_an_operator_sees_why_a_message_was_rejected_and_has_it_read_again(
    shared: SharedService, browser: Browser, tenant: Client, receiver: Receiver
) -> None:
    await tenant.create(receiver.url("/a"))
    token = await make_token(shared.database, None)
    operator = shared.client(token, tenant.account_id, shared.service)
    good = call_event("c-1", account_id=tenant.account_id)
    bad = {"Event-Name": HOSTILE, "Event-Category": "call_event"}
    async with switch(shared.amqp_url) as kazoo:
        for body in (json.dumps(bad).encode(), b"\xff{]"):
            await kazoo.publish_raw(good.exchange, good.routing_key, body)

    async def taken() -> Any:
        assert (await operator.post("/v2/rejected/take")).status == 200
        found = (await operator.get("/v2/rejected")).data
        return found if len(found) == 2 else None

    messages = await eventually(taken)
    by_reason = {one["reason"]: one for one in messages}
    assert by_reason.keys() == {"unknown_event", "not_utf8"}
    odd = by_reason["unknown_event"]
    assert (odd["exchange"], odd["routing_key"]) == (good.exchange, good.routing_key)
    path = f"/v2/rejected/{odd['id']}"
    assert json.loads((await operator.get(path)).data["body"]) == bad
    # Stands in for an upgrade that can read the message.
    fixed = {"body": json.dumps(dict(good.body)).encode()}
    await shared.database["rejected"].update_one({"_id": odd["id"]}, {"$set": fixed})
    assert (await operator.post("/v2/rejected/retry", ids=[odd["id"]])).data == {"retried": 1}
    await receiver.until(lambda: len(receiver.requests) == 1, 10)
    check_error(await operator.get(path), 404, "bad_identifier")

    await signed_in(browser, token)
    (other,) = (await operator.get("/v2/rejected", filter_reason="not_utf8")).data
    assert "not utf8" in await browser.page("/console/rejected")
    assert "\\xff{]" in unescape(await browser.page(f"/console/rejected/{other['id']}"))
    nothing = await browser.send("/console/rejected", action="discard")
    assert nothing.status == 400
    sure = await browser.send("/console/rejected", action="discard", id=other["id"])
    assert "Discard 1 message?" in await sure.text()
    await browser.send("/console/rejected", action="discard", id=other["id"], sure="yes")
    assert (await operator.get("/v2/rejected")).data == []


async def test_a_message_that_still_cannot_be_read_comes_back_with_its_origin(
    shared: SharedService, tenant: Client
) -> None:
    operator = await shared.superuser(tenant.account_id)
    async with switch(shared.amqp_url) as kazoo:
        await kazoo.publish_raw("callevt", "call.CHANNEL_CREATE.x", b"[1]")

    async def taken() -> Any:
        await operator.post("/v2/rejected/take")
        return (await operator.get("/v2/rejected")).data

    (first,) = await eventually(taken)
    await operator.post("/v2/rejected/retry", ids=[first["id"]])
    (second,) = await eventually(taken)
    assert second["id"] != first["id"]
    for name in ("reason", "exchange", "routing_key", "size"):
        assert second[name] == first[name]
    await operator.post("/v2/rejected/discard", ids=[second["id"]])


async def test_rejected_messages_are_for_operators_who_may_write(
    shared: SharedService, tenant: Client, browser: Browser
) -> None:
    reader = await shared.superuser(tenant.account_id, read_only=True)
    for client in (tenant, reader):
        for path in ("take", "retry", "discard"):
            reply = await client.post(f"/v2/rejected/{path}", ids=["a"])
            check_error(reply, 403, "forbidden")
    check_error(await tenant.get("/v2/rejected"), 403, "forbidden")
    assert (await reader.get("/v2/rejected")).status == 200
    await signed_in(browser, tenant.token)
    for path in ("rejected", "rejected/a"):
        await browser.page(f"/console/{path}", 404)
    await browser.page("/console/accounts/" + tenant.account_id + "/webhooks")
    for path in ("rejected", "rejected/take"):
        assert (await browser.send(f"/console/{path}", action="retry", id="a")).status == 404
