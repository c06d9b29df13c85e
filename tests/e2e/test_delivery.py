"""What an integrator sees: signed requests, retries, dead letters, edits that count at once."""

import json
from datetime import UTC, datetime

import orjson
import pytest
from standardwebhooks import Webhook as Verifier

from service.dev.receiver import Receiver, ScriptedAnswer
from tests.conftest import Documents, StartService
from tests.e2e.harness import (
    ACCOUNT,
    SECRET,
    call_event,
    eventually,
    metric,
    switch,
    webhook_document,
)

QUICK = {"SWITCHHOOK_RETRY__SCHEDULE": "[0.3, 0.9]", "SWITCHHOOK_RETRY__JITTER": "0"}
GIVEN_UP = 'switchhook_dead_letters_total{reason="exhausted"}'


async def test_a_request_verifies_with_the_reference_library(
    start_service: StartService, settings: dict[str, str], database: Documents, receiver: Receiver
) -> None:
    await database["webhooks"].insert_one(webhook_document(receiver.url("/hook")))
    await start_service()
    async with switch(settings["SWITCHHOOK_AMQP__URL"]) as kazoo:
        await kazoo.publish(call_event("c-1"))
    await receiver.until(lambda: len(receiver.requests) == 1, 10)
    request = receiver.requests[0]
    verified = Verifier(SECRET).verify(request.body, dict(request.headers))
    assert verified["call_id"] == "c-1"
    assert verified["caller_id_name"] == "Zoë Testerová"
    with pytest.raises(Exception, match="No matching signature"):
        Verifier(SECRET).verify(request.body.replace(b"c-1", b"c-2"), dict(request.headers))


async def test_a_get_is_signed_over_the_query_that_was_appended(
    start_service: StartService, settings: dict[str, str], database: Documents, receiver: Receiver
) -> None:
    uri = receiver.url("/hook?token=abc")
    await database["webhooks"].insert_one(webhook_document(uri, http_verb="get"))
    await start_service()
    async with switch(settings["SWITCHHOOK_AMQP__URL"]) as kazoo:
        await kazoo.publish(call_event("c-1"))
    await receiver.until(lambda: len(receiver.requests) == 1, 10)
    request = receiver.requests[0]
    assert request.body.startswith(b"token=abc&account_id=")
    appended = request.body.removeprefix(b"token=abc&")
    key = Verifier(SECRET)
    signed_at = datetime.fromtimestamp(int(request.headers["webhook-timestamp"]), UTC)
    expected = key.sign(request.delivery_id, signed_at, appended.decode())
    assert request.headers["webhook-signature"] == expected


async def test_a_number_reaches_receiver_dead_letter_and_log_as_the_switch_wrote_it(
    start_service: StartService, settings: dict[str, str], database: Documents, receiver: Receiver
) -> None:
    charges = b'"charges":{"Total":123456789012345678901234567890,"Rate":0.10,"Big":1E+2}'
    receiver.script("/hook", 503)
    document = webhook_document(receiver.url("/hook"), hook="sms", retries=1)
    await database["webhooks"].insert_one(document)
    await start_service(**QUICK)
    text = orjson.loads(orjson.dumps(call_event("c-1", "sms").body))
    body = orjson.dumps(text | {"Charges": orjson.Fragment(charges.partition(b":")[2])})
    async with switch(settings["SWITCHHOOK_AMQP__URL"]) as kazoo:
        await kazoo.publish_raw("im", "sms.inbound.offnet.1", body, content_encoding="UTF-8")
    letter = await eventually(database["dead_letters"].find_one, what="the dead letter")
    first, second = receiver.requests
    assert charges in first.body
    assert second.body == first.body
    assert letter["payload"].encode() == first.body
    row = await eventually(database["attempts"].find_one, what="the attempt")
    assert row["payload"] == first.body


async def test_three_requests_with_growing_gaps_and_then_a_dead_letter_with_all_attempts(
    start_service: StartService, settings: dict[str, str], database: Documents, receiver: Receiver
) -> None:
    receiver.script("/hook", 503)
    await database["webhooks"].insert_one(webhook_document(receiver.url("/hook"), retries=2))
    service = await start_service(**QUICK | {"SWITCHHOOK_RETRY__SCHEDULE": "[0.3, 2.0]"})
    async with switch(settings["SWITCHHOOK_AMQP__URL"]) as kazoo:
        await kazoo.publish(call_event("c-503"))
    letter = await eventually(database["dead_letters"].find_one, what="the dead letter")
    first, second, third = receiver.requests
    assert [r.attempt for r in receiver.requests] == [1, 2, 3]
    assert len({r.delivery_id for r in receiver.requests}) == 1
    assert len({r.body for r in receiver.requests}) == 1
    assert 0.3 <= second.at - first.at < 2.0 <= third.at - second.at
    assert letter["_id"] == first.delivery_id
    assert letter["reason"] == "exhausted"
    assert letter["call_id"] == "c-503"
    assert json.loads(letter["payload"])["call_id"] == "c-503"
    assert [(a["attempt"], a["status"]) for a in letter["attempts"]] == [
        (1, 503),
        (2, 503),
        (3, 503),
    ]
    rows = await eventually(lambda: _rows(database, 3), what="three rows in the attempt log")
    assert [row["attempt"] for row in rows] == [1, 2, 3]
    assert {row["outcome"] for row in rows} == {"throttled"}
    assert rows[0]["request_headers"]["webhook-signature"] == "(hidden)"

    async def counted() -> bool:
        # The letter may be filed before the publisher reads the broker's confirm, and counts it.
        return metric(await service.metrics(), GIVEN_UP) == 1

    await eventually(counted, what="the dead letter in the metrics")
    metrics = await service.metrics()
    assert metric(metrics, 'switchhook_attempts_total{outcome="throttled"}') == 3


async def _rows(database: Documents, count: int) -> list[dict[str, object]]:
    rows = [dict(row) async for row in database["attempts"].find().sort("attempt")]
    return rows if len(rows) == count else []


async def test_retry_after_picks_the_next_tier_that_is_long_enough(
    start_service: StartService, settings: dict[str, str], database: Documents, receiver: Receiver
) -> None:
    receiver.script("/hook", ScriptedAnswer(429, headers={"Retry-After": "0.5"}), 200)
    await database["webhooks"].insert_one(webhook_document(receiver.url("/hook")))
    await start_service(**QUICK)
    async with switch(settings["SWITCHHOOK_AMQP__URL"]) as kazoo:
        await kazoo.publish(call_event("c-1"))
    await receiver.until(lambda: len(receiver.requests) == 2, 10)
    assert receiver.requests[1].at - receiver.requests[0].at >= 0.9


async def test_a_retry_honours_an_edit_and_keeps_the_payload_of_the_event(
    start_service: StartService, settings: dict[str, str], database: Documents, receiver: Receiver
) -> None:
    # The answer takes longer than the service takes to learn of the edit.
    receiver.script("/old", ScriptedAnswer(500, delay_s=2))
    await database["webhooks"].insert_one(webhook_document(receiver.url("/old")))
    await start_service(**QUICK)
    async with switch(settings["SWITCHHOOK_AMQP__URL"]) as kazoo:
        await kazoo.publish(call_event("c-1"))
    await receiver.until(lambda: bool(receiver.at("/old")), 10)
    change = {"$set": {"uri": receiver.url("/new"), "http_verb": "put"}}
    await database["webhooks"].update_one({}, change)
    await receiver.until(lambda: bool(receiver.at("/new")), 10)
    old, new = receiver.at("/old")[0], receiver.at("/new")[0]
    assert (new.method, new.attempt, new.delivery_id) == ("PUT", 2, old.delivery_id)
    assert new.body == old.body


async def test_a_delivery_to_a_deleted_webhook_is_cancelled(
    start_service: StartService, settings: dict[str, str], database: Documents, receiver: Receiver
) -> None:
    # The answer takes longer than the service takes to learn of the deletion.
    receiver.script("/hook", ScriptedAnswer(500, delay_s=2))
    await database["webhooks"].insert_one(webhook_document(receiver.url("/hook")))
    service = await start_service(**QUICK)
    async with switch(settings["SWITCHHOOK_AMQP__URL"]) as kazoo:
        await kazoo.publish(call_event("c-1"))
    await receiver.until(lambda: bool(receiver.requests), 10)
    await database["webhooks"].delete_one({})

    async def cancelled() -> bool:
        metrics = await service.metrics()
        return metric(metrics, 'switchhook_deliveries_total{outcome="cancelled"}') == 1

    await eventually(cancelled, what="the cancellation")
    assert len(receiver.requests) == 1


async def test_an_attempt_is_one_line_of_log_without_body_secret_or_query(
    start_service: StartService, settings: dict[str, str], database: Documents, receiver: Receiver
) -> None:
    uri = receiver.url("/hook?token=s3cr3t-in-query")
    await database["webhooks"].insert_one(webhook_document(uri))
    service = await start_service()
    async with switch(settings["SWITCHHOOK_AMQP__URL"]) as kazoo:
        await kazoo.publish(call_event("c-1"))
    await receiver.until(lambda: bool(receiver.requests), 10)
    row = await eventually(database["attempts"].find_one, what="the row of the attempt")
    await service.stop()
    text = service.log.read_text()
    lines = [json.loads(line) for line in text.splitlines()]
    (line,) = [line for line in lines if line["event"] == "attempt.finished"]
    assert line["outcome"] == "succeeded"
    assert line["delivery_id"] == receiver.requests[0].delivery_id == row["delivery_id"]
    assert "s3cr3t" not in text + str(row)
    assert SECRET.removeprefix("whsec_") not in text + str(row)
    assert "Testerov" not in text


async def test_a_callflows_own_webhook_is_retried_although_no_store_has_it(
    start_service: StartService, settings: dict[str, str], database: Documents, receiver: Receiver
) -> None:
    receiver.script("/ivr", 503, 200)
    service = await start_service(**QUICK)
    hook = {"_id": "63877497874", "uri": receiver.url("/ivr"), "pvt_account_id": ACCOUNT}
    body = {
        "Event-Category": "notification",
        "Event-Name": "webhook",
        "Hook": {**hook, "http_verb": "post", "retries": 1, "custom_data": {"menu": "1"}},
        "Data": {"Call-ID": "c-1", "Digits": "42"},
    }
    async with switch(settings["SWITCHHOOK_AMQP__URL"]) as kazoo:
        raw = json.dumps(body).encode()
        await kazoo.publish_raw("notifications", "notifications.webhook.callflow", raw)
    await receiver.until(lambda: len(receiver.requests) == 2, 10)
    first, second = receiver.requests
    assert first.body == second.body == b"call_id=c-1&digits=42&menu=1"
    assert (first.attempt, second.attempt) == (1, 2)
    assert first.headers["X-Hook-ID"] == "63877497874"
    assert "X-Switchhook-Schema" not in first.headers
    metrics = await service.metrics()
    assert metric(metrics, 'switchhook_deliveries_total{outcome="cancelled"}') == 0
    assert await database["webhooks"].count_documents({}) == 0
