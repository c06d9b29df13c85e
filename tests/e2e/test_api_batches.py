"""Batches: several events of a webhook in one request, over the real broker and store."""

import json
from base64 import b64decode
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer
from standardwebhooks import Webhook as Verifier

from service.dev.process import ServiceProcess
from service.dev.receiver import ReceivedRequest, Receiver
from tests.api_client import Client
from tests.e2e.harness import eventually, metric
from tests.e2e.shared_service import SharedService, StartShared, attempts_of

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
LONG_MS = 60_000
UNACKED = 'switchhook_consumer_unacked{lane="events"}'
IN_BATCHES = "switchhook_deliveries_in_batches"
CANCELLED = 'switchhook_deliveries_total{outcome="cancelled"}'
BROKEN = 'switchhook_deferrals_total{reason="broken"}'
OPEN_S = 2.0


async def batched(api: Client, uri: str, most: int, within_ms: int, **more: Any) -> str:
    """Create a webhook with batches; return its id."""
    rules = {"max": most, "within_ms": within_ms}
    created = await api.create(uri, batch=rules, format="json", secret=SECRET, **more)
    webhook_id: str = created["id"]
    return webhook_id


def items(request: ReceivedRequest) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(request.body)
    return found


def calls(request: ReceivedRequest) -> list[str]:
    return sorted(item["payload"]["call_id"] for item in items(request))


async def metric_is(service: ServiceProcess, name: str, least: float) -> None:
    """Return once a metric has grown to a value."""

    async def there() -> bool:
        return metric(await service.metrics(), name) >= least

    await eventually(there, what=f"{name} of {least}")


async def test_a_full_batch_is_one_signed_request_with_a_row_for_each_delivery(
    shared: SharedService, receiver: Receiver
) -> None:
    api = await shared.tenant()
    await batched(api, receiver.url("/"), 3, LONG_MS)
    await shared.call(api.account_id, "c-1", "c-2", "c-3")
    await receiver.until(lambda: len(receiver.requests) == 1, 10)
    (request,) = receiver.requests
    assert calls(request) == ["c-1", "c-2", "c-3"]
    assert request.headers["X-Switchhook-Batch"] == "3"
    assert request.headers["X-Hook-ID"]
    assert Verifier(SECRET).verify(request.body, dict(request.headers)) == items(request)
    assert request.genuine(b64decode(SECRET.removeprefix("whsec_")))
    rows = await attempts_of(api, 3)
    assert {row["batch_id"] for row in rows} == {request.delivery_id}
    assert {row["batch_size"] for row in rows} == {3}
    assert len({row["duration_ms"] for row in rows}) == 1
    assert {row["delivery_id"] for row in rows} == {item["id"] for item in items(request)}


async def test_a_batch_that_does_not_fill_is_sent_in_time(
    shared: SharedService, receiver: Receiver
) -> None:
    api = await shared.tenant()
    await batched(api, receiver.url("/"), 1000, 700)
    await shared.call(api.account_id, "c-1", "c-2")
    await receiver.until(lambda: len(receiver.requests) == 1, 10)
    assert calls(receiver.requests[0]) == ["c-1", "c-2"]


async def test_a_failed_batch_comes_again_as_another_and_its_deliveries_keep_their_ids(
    shared: SharedService, receiver: Receiver
) -> None:
    api = await shared.tenant()
    receiver.script("/", 500, 200)
    await batched(api, receiver.url("/"), 2, 1000)
    await shared.call(api.account_id, "c-1", "c-2")
    await receiver.until(lambda: len(receiver.requests) == 2, 15)
    first, second = receiver.requests
    assert calls(first) == sorted(calls(second)) == ["c-1", "c-2"]
    assert first.delivery_id != second.delivery_id
    assert {item["id"] for item in items(first)} == {item["id"] for item in items(second)}
    assert [item["attempt"] for item in items(second)] == [2, 2]


async def test_only_what_the_receiver_lists_as_failed_comes_again(shared: SharedService) -> None:
    api, received = await shared.tenant(), list[list[dict[str, Any]]]()

    async def fail_one(request: web.Request) -> web.Response:
        received.append(await request.json())
        failed = [received[0][0]["id"]] if len(received) == 1 else []
        return web.json_response({"failed": failed})

    application = web.Application()
    application.router.add_post("/", fail_one)
    async with TestServer(application) as server:
        await batched(api, str(server.make_url("/")), 3, 1000)
        await shared.call(api.account_id, "c-1", "c-2", "c-3")
        rows = await attempts_of(api, 4)
    first, (again,) = received
    assert len(first) == 3
    assert (again["id"], again["attempt"]) == (first[0]["id"], 2)
    assert sorted(row["outcome"] for row in rows) == ["item_failed", *["succeeded"] * 3]
    assert (await api.get("dead_letters")).data == []


async def test_a_worker_killed_with_an_open_batch_loses_nothing(
    shared: SharedService, receiver: Receiver
) -> None:
    api, other = await shared.tenant(), await shared.another_worker()
    await batched(api, receiver.url("/"), 1000, 3000)
    expected = [f"c-{number}" for number in range(40)]
    await shared.call(api.account_id, *expected)

    async def holds() -> bool:
        return metric(await other.metrics(), UNACKED) > 0

    await eventually(holds, what="deliveries in the batch of the other worker")
    assert receiver.requests == []
    await other.kill()

    def arrived() -> set[str]:
        return {call for request in receiver.requests for call in calls(request)}

    await receiver.until(lambda: arrived() == set(expected), 20)


async def test_events_in_the_batch_of_a_disabled_webhook_become_dead_letters_of_a_deleted_none(
    shared: SharedService, receiver: Receiver
) -> None:
    api, before = await shared.tenant(), await shared.service.metrics()
    disabled = await batched(api, receiver.url("/disabled"), 1000, 2000)
    deleted = await batched(api, receiver.url("/deleted"), 1000, 2000)
    await shared.call(api.account_id, "c-1", "c-2")
    await metric_is(shared.service, IN_BATCHES, metric(before, IN_BATCHES) + 4)
    assert (await api.patch(f"webhooks/{disabled}", enabled=False)).status == 200
    assert (await api.delete(f"webhooks/{deleted}")).status == 200

    async def letters() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = (await api.get("dead_letters")).data
        return found if len(found) >= 2 else []

    found = await eventually(letters, what="the dead letters")
    await metric_is(shared.service, CANCELLED, metric(before, CANCELLED) + 2)
    assert {(one["hook_id"], one["reason"]) for one in found} == {(disabled, "webhook_disabled")}
    assert len(found) == 2
    assert receiver.requests == []


async def test_an_endpoint_with_an_open_breaker_gets_no_batch_and_the_events_arrive_after(
    new_shared: StartShared, receiver: Receiver
) -> None:
    receiver.script("/", 500, 200)
    breaker = {
        "SWITCHHOOK_BREAKER__FAILURE_COUNT": "1",
        "SWITCHHOOK_BREAKER__OPEN_S": str(OPEN_S),
    }
    async with new_shared(**breaker) as stage:
        api = await stage.tenant()
        await batched(api, receiver.url("/"), 2, 400)
        await stage.call(api.account_id, "c-1", "c-2")
        await metric_is(stage.service, "switchhook_endpoint_breakers_open", 1)
        await stage.call(api.account_id, "c-3", "c-4")
        await metric_is(stage.service, BROKEN, 2)

        def accepted() -> set[str]:
            return {call for request in receiver.requests[1:] for call in calls(request)}

        await receiver.until(lambda: accepted() == {"c-1", "c-2", "c-3", "c-4"}, 15)
        first, trial, *_ = receiver.requests
        assert trial.at - first.at >= OPEN_S
        assert (await api.get("dead_letters")).data == []


async def test_an_edit_reaches_the_events_that_wait(
    shared: SharedService, receiver: Receiver
) -> None:
    api = await shared.tenant()
    webhook_id = await batched(api, receiver.url("/old"), 1000, 2000)
    await shared.call(api.account_id, "c-1")
    reply = await api.patch(f"webhooks/{webhook_id}", uri=receiver.url("/new"))
    assert reply.status == 200
    await receiver.until(lambda: len(receiver.requests) == 1, 15)
    assert receiver.at("/old") == []


async def test_a_test_request_is_a_batch_of_one(shared: SharedService, receiver: Receiver) -> None:
    api = await shared.tenant()
    webhook_id = await batched(api, receiver.url("/"), 1000, LONG_MS)
    reply = await api.post(f"webhooks/{webhook_id}/test")
    assert reply.status == 200, reply.envelope
    (request,) = receiver.requests
    assert len(items(request)) == 1
    assert request.genuine(b64decode(SECRET.removeprefix("whsec_")))


async def test_a_batch_that_cannot_be_is_refused_with_the_reason(tenant: Client) -> None:
    good = {"name": "n", "uri": "https://example.com/", "hook": "channel_create", "format": "json"}
    rules = {"max": 10, "within_ms": 1000}
    for members, field in (
        ({"batch": rules, "ordering": "call"}, "batch"),
        ({"batch": rules, "format": "form-data"}, "batch"),
        ({"batch": rules, "http_verb": "get"}, "batch"),
        ({"batch": rules, "hook": "pivot"}, "batch"),
        ({"batch": rules | {"max": 1}}, "batch.max"),
        ({"batch": {"max": 10}}, "batch.within_ms"),
    ):
        reply = await tenant.put("webhooks", **(good | members))
        assert reply.status == 400, members
        assert field in reply.data, reply.data
