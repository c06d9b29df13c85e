"""Rejected messages in the hands of an operator at a terminal."""

import json

from service.dev.receiver import Receiver
from tests.conftest import Documents, StartService
from tests.e2e.harness import call_event, eventually, switch, webhook_document
from tests.forking.client import switchhook


async def test_a_message_is_taken_shown_brought_back_and_another_discarded(
    start_service: StartService, settings: dict[str, str], database: Documents, receiver: Receiver
) -> None:
    async def rejected(*arguments: str) -> tuple[int, str]:
        return await switchhook("rejected", *arguments, env=settings)

    await database["webhooks"].insert_one(webhook_document(receiver.url("/hook"), _id="crm"))
    await start_service()
    good = call_event("c-1")
    async with switch(settings["SWITCHHOOK_AMQP__URL"]) as kazoo:
        for body in (b'{"Event-Name": "DREAM", "Event-Category": "call_event"}', b"\xff{]"):
            await kazoo.publish_raw(good.exchange, good.routing_key, body)

    async def both() -> bool:
        code, text = await rejected("take")
        assert code == 0, text
        return await database["rejected"].count_documents({}) == 2

    await eventually(both, what="two messages in the store")
    _, text = await rejected("list", "--json")
    found = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    ids = {one["reason"]: one["id"] for one in found}
    assert ids.keys() == {"unknown_event", "not_utf8"}
    _, text = await rejected("list", "--reason", "not_utf8")
    assert ids["not_utf8"] in text
    assert "1 message shown" in text
    _, text = await rejected("show", ids["unknown_event"])
    assert "DREAM" in json.loads(text)["body"]

    # Stands in for an upgrade that can read the message.
    fixed = {"body": json.dumps(dict(good.body)).encode()}
    await database["rejected"].update_one({"_id": ids["unknown_event"]}, {"$set": fixed})
    code, text = await rejected("retry", ids["unknown_event"], "none")
    assert (code, text.strip()) == (0, "1 of 2 messages brought back")
    await receiver.until(lambda: len(receiver.requests) == 1, 10)
    _, text = await rejected("discard", "--yes", ids["not_utf8"])
    assert text.strip() == "1 deleted"
    assert await database["rejected"].count_documents({}) == 0
    actions = [one["action"] async for one in database["audit"].find()]
    assert {"rejected_taken", "rejected_retried", "rejected_discarded"} <= {*actions}


async def test_an_unknown_message_or_reason_is_named(settings: dict[str, str]) -> None:
    code, text = await switchhook("rejected", "show", "none", env=settings)
    assert code == 1
    assert "none" in text
    code, text = await switchhook("rejected", "list", "--reason", "dream", env=settings)
    assert code == 2
    assert "not_utf8" in text
