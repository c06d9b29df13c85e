"""Webhooks that fail and fail are switched off, by all workers together."""

import json

from service.dev.process import ServiceProcess
from service.dev.receiver import Receiver, ScriptedAnswer
from tests.conftest import Documents, StartService
from tests.e2e.harness import (
    call_event,
    eventually,
    metric,
    switch,
    webhook_document,
)

QUICK = {"SWITCHHOOK_RETRY__SCHEDULE": "[0.3, 0.9]", "SWITCHHOOK_RETRY__JITTER": "0"}


async def test_deliveries_waiting_for_a_disabled_webhook_become_dead_letters(
    start_service: StartService, settings: dict[str, str], database: Documents, receiver: Receiver
) -> None:
    # The answer takes longer than the service takes to learn that the webhook is off.
    receiver.script("/hook", ScriptedAnswer(500, delay_s=2))
    await database["webhooks"].insert_one(webhook_document(receiver.url("/hook")))
    await start_service(**QUICK)
    async with switch(settings["SWITCHHOOK_AMQP__URL"]) as kazoo:
        await kazoo.publish(call_event("c-1"))
    await receiver.until(lambda: bool(receiver.requests), 10)
    await database["webhooks"].update_one({}, {"$set": {"enabled": False}})
    letter = await eventually(database["dead_letters"].find_one, what="the dead letter")
    assert letter["reason"] == "webhook_disabled"
    assert len(receiver.requests) == 1


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
    disabled = {"disable_reason": {"$exists": True}}
    document = await eventually(
        lambda: database["webhooks"].find_one(disabled), 1, "the webhook to be disabled"
    )
    assert (document["enabled"], document["disable_reason"]) == (
        False,
        "the endpoint answered 410 Gone",
    )
    assert len(receiver.requests) == 1


async def test_a_broken_endpoint_is_left_alone_until_it_works_again(
    start_service: StartService, settings: dict[str, str], database: Documents, receiver: Receiver
) -> None:
    receiver.script("/hook", *[500] * 5, 200)
    await database["webhooks"].insert_one(webhook_document(receiver.url("/hook"), retries=5))
    service = await start_service(
        SWITCHHOOK_RETRY__SCHEDULE="[0.3, 0.9, 1.5]",
        SWITCHHOOK_RETRY__JITTER="0",
        SWITCHHOOK_DISABLE__FAILURE_COUNT="1000",
        SWITCHHOOK_BREAKER__FAILURE_COUNT="4",
        SWITCHHOOK_BREAKER__OPEN_S="1",
    )
    calls = {f"c-{number}" for number in range(30)}
    async with switch(settings["SWITCHHOOK_AMQP__URL"]) as kazoo:
        await kazoo.publish(call_event("c-0"))
        await receiver.until(lambda: len(receiver.requests) == 4, 15, "the breaker to open")

        async def opened() -> bool:
            # The fourth request has arrived; its answer is what opens the breaker.
            return metric(await service.metrics(), "switchhook_endpoint_breakers_open") == 1

        await eventually(opened, what="the open breaker")
        for call in calls - {"c-0"}:
            await kazoo.publish(call_event(call))

        async def deferred() -> bool:
            found = await service.metrics()
            return metric(found, 'switchhook_deferrals_total{reason="broken"}') >= 29

        await eventually(deferred, what="deferring the rest")
    assert len(receiver.requests) <= 6

    def delivered() -> bool:
        taken = {json.loads(r.body)["call_id"] for r in receiver.requests if r.answered == 200}
        return taken == calls

    await receiver.until(delivered, 20, "all of them")
    assert len(receiver.requests) == 30 + 5
    assert metric(await service.metrics(), "switchhook_endpoint_breakers_open") == 0
