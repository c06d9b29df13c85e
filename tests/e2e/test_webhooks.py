"""Which webhooks an event reaches, and when a change of one counts."""

import json
import time

from service.dev.receiver import Receiver
from tests.conftest import Documents, StartService
from tests.e2e.harness import (
    ACCOUNT,
    call_event,
    switch,
    webhook_document,
)


async def test_a_new_webhook_gets_the_very_next_event_within_a_second(
    start_service: StartService, settings: dict[str, str], database: Documents, receiver: Receiver
) -> None:
    await database["webhooks"].insert_one(webhook_document(receiver.url("/first")))
    await start_service()
    async with switch(settings["SWITCHHOOK_AMQP__URL"]) as kazoo:
        await kazoo.publish(call_event("c-1"))
        await receiver.until(lambda: len(receiver.at("/first")) == 1, 10)
        await database["webhooks"].insert_one(
            webhook_document(receiver.url("/second"), _id="a" * 32)
        )
        added = time.monotonic()
        number = 1
        while not receiver.at("/second"):
            number += 1
            await kazoo.publish(call_event(f"c-{number}"))
            count = number
            await receiver.until(lambda: len(receiver.at("/first")) == count, 10)  # noqa: B023
            assert time.monotonic() - added < 5
        assert receiver.at("/second")[0].at - added < 1


async def test_a_document_written_by_hand_works_and_a_broken_one_is_skipped_with_a_warning(
    start_service: StartService, settings: dict[str, str], database: Documents, receiver: Receiver
) -> None:
    await database["webhooks"].insert_many(
        [
            {"account_id": ACCOUNT, "hook": "ALL", "uri": receiver.url("/by-hand")},
            webhook_document(receiver.url("/broken"), _id="broken", custom_data="not an object"),
        ]
    )
    service = await start_service()
    async with switch(settings["SWITCHHOOK_AMQP__URL"]) as kazoo:
        await kazoo.publish(call_event("c-1"))
    await receiver.until(lambda: bool(receiver.at("/by-hand")), 10)
    assert receiver.at("/by-hand")[0].headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert receiver.at("/broken") == []
    lines = [json.loads(line) for line in service.log.read_text().splitlines()]
    warning = next(line for line in lines if line["event"] == "webhook.skipped")
    assert warning["webhook_id"] == "broken"
    assert "custom_data must be an object" in warning["problem"]


async def test_a_fax_is_told_to_hook_fax_and_notifications_and_once_to_all(
    start_service: StartService, settings: dict[str, str], database: Documents, receiver: Receiver
) -> None:
    await database["webhooks"].insert_many(
        webhook_document(receiver.url(f"/{hook}"), _id=hook, hook=hook)
        for hook in ("fax", "notifications", "object", "all")
    )
    await start_service()
    body = {
        "Event-Category": "notification",
        "Event-Name": "outbound_fax_error",
        "Account-ID": ACCOUNT,
        "Fax-ID": "f-1",
        "Fax-JobId": "f-1",
    }
    async with switch(settings["SWITCHHOOK_AMQP__URL"]) as kazoo:
        raw = json.dumps(body).encode()
        await kazoo.publish_raw("notifications", "notifications.fax.outbound_error", raw)
        await kazoo.publish(call_event("after"))
    await receiver.until(lambda: len(receiver.at("/all")) == 2, 10)
    await receiver.until(lambda: len(receiver.requests) == 4, 10)
    assert [len(receiver.at(f"/{hook}")) for hook in ("fax", "notifications", "object")] == [
        1,
        1,
        0,
    ]
    assert json.loads(receiver.at("/fax")[0].body)["event_name"] == "outbound_fax_error"
