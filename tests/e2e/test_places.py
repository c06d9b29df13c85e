"""The operator asks who holds the places for requests."""

from typing import Any

from service.dev.receiver import Receiver, ScriptedAnswer
from tests.conftest import Documents, StartService
from tests.e2e.harness import ACCOUNT, call_event, eventually, switch, webhook_document
from tests.e2e.workers import StartWorkers


async def _publish(settings: dict[str, str], calls: int) -> None:
    async with switch(settings["SWITCHHOOK_AMQP__URL"]) as kazoo:
        for number in range(calls):
            await kazoo.publish(call_event(f"c-{number}"))


async def test_places_names_the_account_and_the_endpoint_that_hold_them(
    start_service: StartService, settings: dict[str, str], database: Documents, receiver: Receiver
) -> None:
    receiver.script("/slow", ScriptedAnswer(delay_s=3))
    await database["webhooks"].insert_one(webhook_document(receiver.url("/slow")))
    service = await start_service()
    assert await service.places() == {"accounts": [], "endpoints": []}
    await _publish(settings, 3)
    await receiver.until(lambda: len(receiver.requests) == 3, 10)
    found = await service.places()
    assert found["accounts"] == [
        {"lane": "events", "account_id": ACCOUNT, "places": 3, "in_line": 0}
    ]
    [endpoint] = found["endpoints"]
    assert endpoint["endpoint"] == receiver.url("")
    assert (endpoint["in_flight"], endpoint["breaker_open"]) == (3, False)


async def test_the_supervisor_answers_for_all_workers(
    start_workers: StartWorkers,
    settings: dict[str, str],
    database: Documents,
    receiver: Receiver,
) -> None:
    receiver.script("/slow", ScriptedAnswer(delay_s=3))
    await database["webhooks"].insert_one(webhook_document(receiver.url("/slow")))
    service = await start_workers()
    await _publish(settings, 6)

    async def all_held() -> dict[str, Any] | None:
        found = await service.places()
        accounts = [one for worker in found.values() for one in worker["accounts"]]
        return found if sum(one["places"] for one in accounts) == 6 else None

    found = await eventually(all_held, 2, "six places to be held")
    assert set(found) == {"worker_1", "worker_2"}
