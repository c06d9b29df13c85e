"""Messages and webhooks nobody can use: rejected or given up with a reason, and never lost."""

import json

import pytest

from service.dev.receiver import Receiver
from tests.conftest import Documents, StartService
from tests.e2e.harness import (
    BadText,
    call_event,
    eventually,
    logged,
    metric,
    switch,
    take_messages,
    webhook_document,
)

QUICK = {"SWITCHHOOK_RETRY__SCHEDULE": "[0.3, 0.9]", "SWITCHHOOK_RETRY__JITTER": "0"}


@pytest.mark.parametrize(
    "uri",
    ["ftp://127.0.0.1/x", "http://", "http://user:pw@127.0.0.1/x", "not a uri", "http://a:99999/"],
)
async def test_a_uri_that_cannot_be_requested_is_one_attempt_and_no_retry(
    uri: str, start_service: StartService, settings: dict[str, str], database: Documents
) -> None:
    await database["webhooks"].insert_one(webhook_document(uri))
    service = await start_service(**QUICK)
    async with switch(settings["SWITCHHOOK_AMQP__URL"]) as kazoo:
        await kazoo.publish(call_event("c-1"))
    letter = await eventually(database["dead_letters"].find_one, what="the dead letter")
    assert letter["reason"] == "invalid_request"
    assert len(letter["attempts"]) == 1
    metrics = await service.metrics()
    assert metric(metrics, 'switchhook_attempts_total{outcome="invalid_request"}') == 1


async def test_a_private_address_is_refused_unless_it_is_allowed(
    start_service: StartService, settings: dict[str, str], database: Documents, receiver: Receiver
) -> None:
    await database["webhooks"].insert_one(webhook_document(receiver.url("/hook")))
    await start_service(SWITCHHOOK_EGRESS__ALLOW="[]")
    async with switch(settings["SWITCHHOOK_AMQP__URL"]) as kazoo:
        await kazoo.publish(call_event("c-1"))
    letter = await eventually(database["dead_letters"].find_one, what="the dead letter")
    assert letter["reason"] == "egress_refused"
    assert receiver.requests == []


async def test_rejected_messages_keep_their_body_and_say_why(
    start_service: StartService, settings: dict[str, str], database: Documents, receiver: Receiver
) -> None:
    await database["webhooks"].insert_one(webhook_document(receiver.url("/hook")))
    service = await start_service()
    amqp_url = settings["SWITCHHOOK_AMQP__URL"]
    good = call_event("c-1").body
    bad = {
        "not_json": b"{]",
        "not_utf8": b'{"Event-Name": "\xff\xfe"}',
        "not_an_object": b"[1, 2]",
        "missing_field": json.dumps({**good, "Event-Name": None}).encode(),
        "unknown_event": json.dumps({**good, "Event-Name": "CHANNEL_DREAM"}).encode(),
        "wrong_type": json.dumps({**good, "Custom-Channel-Vars": "x"}).encode(),
        "too_large": b'{"a": "' + 10_000_000 * b"x" + b'"}',
        "too_deep": b'{"a":' + 900 * b"[" + 900 * b"]" + b"}",
    }
    async with switch(amqp_url) as kazoo:
        for body in bad.values():
            await kazoo.publish_raw("callevt", "call.CHANNEL_CREATE.x", body)
        await kazoo.publish(call_event("after"))
    await receiver.until(lambda: bool(receiver.requests), 20)
    rejected = await take_messages(amqp_url, "switchhook.rejected", len(bad))
    assert {message.headers["x-switchhook-reason"]: message.body for message in rejected} == bad
    assert {message.headers["x-switchhook-exchange"] for message in rejected} == {"callevt"}

    async def all_logged() -> bool:
        # A message stands in the queue before the broker's confirm has come, and is counted then.
        return len(logged(service, "message.rejected")) >= len(bad)

    await eventually(all_logged, what="a line for each message")
    metrics = await service.metrics()
    for reason in bad:
        assert metric(metrics, f'switchhook_events_rejected_total{{reason="{reason}"}}') == 1
    assert len(logged(service, "message.rejected")) == len(bad)


async def test_an_event_without_an_account_is_counted_and_done_with(
    start_service: StartService, settings: dict[str, str]
) -> None:
    service = await start_service()
    message = call_event("c-1")
    body = {**message.body, "Custom-Channel-Vars": {}}
    async with switch(settings["SWITCHHOOK_AMQP__URL"]) as kazoo:
        await kazoo.publish_raw(message.exchange, message.routing_key, json.dumps(body).encode())

    async def counted() -> bool:
        metrics = await service.metrics()
        return metric(metrics, "switchhook_events_without_account_total") == 1 and (
            metric(metrics, 'switchhook_consumer_unacked{lane="events"}') == 0
        )

    await eventually(counted, what="the count")


async def test_a_message_with_properties_that_cannot_be_written_again_is_rejected_all_the_same(
    start_service: StartService, settings: dict[str, str], database: Documents, receiver: Receiver
) -> None:
    await database["webhooks"].insert_one(webhook_document(receiver.url("/hook")))
    service = await start_service()
    amqp_url = settings["SWITCHHOOK_AMQP__URL"]
    async with switch(amqp_url) as kazoo:
        await kazoo.publish_raw(
            "callevt", "call.CHANNEL_CREATE.x", b"{}", content_encoding=BadText("x" * 100)
        )
        await kazoo.publish(call_event("after"))
    await receiver.until(lambda: len(receiver.requests) == 1, 10)
    (message,) = await take_messages(amqp_url, "switchhook.rejected", 1)
    assert message.body == b"{}"
    assert message.headers["x-switchhook-reason"] == "bad_encoding"
    assert "message.bug" not in service.log.read_text()
