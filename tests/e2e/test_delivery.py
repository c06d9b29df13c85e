"""What an integrator sees: signed requests, retries, dead letters, edits that count at once."""

import json
import time
from datetime import UTC, datetime

import pytest
from standardwebhooks import Webhook as Verifier

from service.dev.process import ServiceProcess
from service.dev.receiver import Answer, Receiver
from tests.conftest import Documents, StartService
from tests.e2e.harness import (
    ACCOUNT,
    SECRET,
    call_event,
    eventually,
    metric,
    switch,
    take_messages,
    webhook_document,
)

QUICK = {"SWITCHHOOK_RETRY__SCHEDULE": "[0.3, 0.9]", "SWITCHHOOK_RETRY__JITTER": "0"}


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


async def test_three_requests_with_growing_gaps_and_then_a_dead_letter_with_all_attempts(
    start_service: StartService, settings: dict[str, str], database: Documents, receiver: Receiver
) -> None:
    receiver.script("/hook", 503)
    await database["webhooks"].insert_one(webhook_document(receiver.url("/hook"), retries=2))
    service = await start_service(**QUICK)
    async with switch(settings["SWITCHHOOK_AMQP__URL"]) as kazoo:
        await kazoo.publish(call_event("c-503"))
    letter = await eventually(database["dead_letters"].find_one, what="the dead letter")
    first, second, third = receiver.requests
    assert [r.attempt for r in receiver.requests] == [1, 2, 3]
    assert len({r.delivery_id for r in receiver.requests}) == 1
    assert len({r.body for r in receiver.requests}) == 1
    assert 0.3 <= second.at - first.at < 0.9 <= third.at - second.at
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
    assert "webhook-signature" not in rows[0]["request_headers"]
    metrics = await service.metrics()
    assert metric(metrics, 'switchhook_dead_letters_total{reason="exhausted"}') == 1
    assert metric(metrics, 'switchhook_attempts_total{outcome="throttled"}') == 3


async def _rows(database: Documents, count: int) -> list[dict[str, object]]:
    rows = [dict(row) async for row in database["attempts"].find().sort("attempt")]
    return rows if len(rows) == count else []


async def test_retry_after_picks_the_next_tier_that_is_long_enough(
    start_service: StartService, settings: dict[str, str], database: Documents, receiver: Receiver
) -> None:
    receiver.script("/hook", Answer(429, headers={"Retry-After": "0.5"}), 200)
    await database["webhooks"].insert_one(webhook_document(receiver.url("/hook")))
    await start_service(**QUICK)
    async with switch(settings["SWITCHHOOK_AMQP__URL"]) as kazoo:
        await kazoo.publish(call_event("c-1"))
    await receiver.until(lambda: len(receiver.requests) == 2, 10)
    assert receiver.requests[1].at - receiver.requests[0].at >= 0.9


async def test_a_retry_honours_an_edit_and_keeps_the_payload_of_the_event(
    start_service: StartService, settings: dict[str, str], database: Documents, receiver: Receiver
) -> None:
    receiver.script("/old", 500)
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
    receiver.script("/hook", 500)
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


async def test_deliveries_waiting_for_a_disabled_webhook_become_dead_letters(
    start_service: StartService, settings: dict[str, str], database: Documents, receiver: Receiver
) -> None:
    receiver.script("/hook", 500)
    await database["webhooks"].insert_one(webhook_document(receiver.url("/hook")))
    await start_service(**QUICK)
    async with switch(settings["SWITCHHOOK_AMQP__URL"]) as kazoo:
        await kazoo.publish(call_event("c-1"))
    await receiver.until(lambda: bool(receiver.requests), 10)
    await database["webhooks"].update_one({}, {"$set": {"enabled": False}})
    letter = await eventually(database["dead_letters"].find_one, what="the dead letter")
    assert letter["reason"] == "webhook_disabled"
    assert len(receiver.requests) == 1


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
    metrics = await service.metrics()
    for reason in bad:
        assert metric(metrics, f'switchhook_events_rejected_total{{reason="{reason}"}}') == 1
    logged = [line for line in service.log.read_text().splitlines() if "message.rejected" in line]
    assert len(logged) == len(bad)


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


async def test_a_webhook_that_fails_six_times_in_a_minute_is_disabled_by_two_workers_together(
    start_service: StartService, settings: dict[str, str], database: Documents, receiver: Receiver
) -> None:
    receiver.script("/dead", 500)
    await database["webhooks"].insert_many(
        [
            webhook_document(receiver.url("/dead"), _id="dead", retries=0),
            webhook_document(
                receiver.url("/told"),
                _id="told",
                hook="notifications",
                custom_data={"type": "webhook_disabled"},
            ),
        ]
    )
    workers = [await start_service(**QUICK), await start_service(**QUICK)]
    async with switch(settings["SWITCHHOOK_AMQP__URL"]) as kazoo:
        for number in range(1, 7):
            await kazoo.publish(call_event(f"c-{number}"))
            count = number
            await receiver.until(lambda: len(receiver.at("/dead")) == count, 10)  # noqa: B023
        await receiver.until(lambda: len(receiver.at("/told")) == 1, 10, "webhook_disabled")
        await kazoo.publish(call_event("c-7"))
    document = await database["webhooks"].find_one({"_id": "dead"}) or {}
    assert document["enabled"] is False
    assert document["disable_reason"] == "too many failed attempts"
    told = json.loads(receiver.at("/told")[0].body)
    assert (told["event_name"], told["hook_id"]) == ("webhook_disabled", "dead")
    made = [await _metric_of(w, 'switchhook_attempts_total{outcome="bad_status"}') for w in workers]
    assert sum(made) == 6
    assert min(made) >= 1, "both workers had a part in it"
    disabled = [await _metric_of(w, "switchhook_webhooks_disabled_total") for w in workers]
    assert sum(disabled) == 1
    assert len(receiver.at("/dead")) == 6


async def _metric_of(service: ServiceProcess, name: str) -> float:
    return metric(await service.metrics(), name)


async def test_410_gone_disables_at_once(
    start_service: StartService, settings: dict[str, str], database: Documents, receiver: Receiver
) -> None:
    receiver.script("/gone", 410)
    await database["webhooks"].insert_one(webhook_document(receiver.url("/gone"), retries=5))
    await start_service(**QUICK)
    async with switch(settings["SWITCHHOOK_AMQP__URL"]) as kazoo:
        await kazoo.publish(call_event("c-1"))
    letter = await eventually(database["dead_letters"].find_one, what="the dead letter")
    assert letter["reason"] == "gone"
    document = await database["webhooks"].find_one({}) or {}
    assert (document["enabled"], document["disable_reason"]) == (
        False,
        "the endpoint answered 410 Gone",
    )
    assert len(receiver.requests) == 1
