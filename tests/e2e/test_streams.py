"""Live streams of the API: attempts and events as they happen, whichever worker has them."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from standardwebhooks import Webhook

from service.api.shapes.answers import AttemptAnswer
from service.api.shapes.streams import LiveRequest
from service.dev.receiver import Receiver
from tests.api_client import check_error, problem
from tests.e2e.harness import call_event, eventually, metric, switch
from tests.e2e.shared_service import SharedService, StartShared, new_account
from tests.e2e.streams import reading


async def test_an_event_is_streamed_as_the_signed_request_of_a_webhook(
    shared: SharedService,
) -> None:
    api = await shared.tenant()
    async with reading(api, "events", shared.service, hook="channel_*") as (stream, start):
        await shared.call(api.account_id, "c-0", hook="object")
        await shared.call(new_account(), "c-0")
        await shared.call(api.account_id, "c-1")
        name, request = await stream.next()
    assert name == "request"
    assert LiveRequest.model_validate(request).call_id == "c-1"
    assert set(start["hooks"]) > {"channel_create", "channel_destroy"}
    assert "object" not in start["hooks"]
    payload = Webhook(start["secret"]).verify(request["body"], request["headers"])
    assert payload["hook_event"] == "channel_create"
    assert request["method"] == "POST"
    assert request["id"] == request["headers"]["webhook-id"]
    assert await shared.database["webhooks"].count_documents({"account_id": api.account_id}) == 0


async def test_events_below_are_streamed_only_where_they_are_asked_for(
    shared: SharedService,
) -> None:
    parent, child = new_account(), new_account()
    await shared.database["accounts"].insert_one({"_id": child, "tree": [parent]})
    narrow = await shared.tenant(parent)
    reply = await narrow.get("stream/events", include_subaccounts="true")
    check_error(reply, 403, "forbidden")
    wide = await shared.tenant(parent, descendants=True)
    async with (
        reading(wide, "events", shared.service) as (own, _),
        reading(wide, "events", shared.service, include_subaccounts="true") as (both, _),
    ):
        await shared.call(child, "c-below")
        assert (await both.next())[1]["call_id"] == "c-below"
        await shared.call(parent, "c-own")
        assert (await both.next())[1]["call_id"] == "c-own"
        assert (await own.next())[1]["call_id"] == "c-own"


async def test_attempts_are_streamed_as_the_log_has_them(
    shared: SharedService, receiver: Receiver
) -> None:
    api = await shared.tenant()
    receiver.script("/bad", 500)
    bad = await api.create(receiver.url("/bad"), retries=0)
    await api.create(receiver.url("/good"))
    query = {"filter_result": "failure", "filter_hook_id": bad["id"]}
    async with (
        reading(api, "attempts", shared.service) as (every, _),
        reading(api, "attempts", **query) as (failing, _),
    ):
        await shared.call(api.account_id, "c-1")
        _, failed = await failing.next()
        seen = [(await every.next())[1] for _ in range(2)]
    assert AttemptAnswer.model_validate(failed).hook_id == bad["id"]
    assert (failed["hook_id"], failed["resp_status_code"]) == (bad["id"], "500")
    assert {attempt["result"] for attempt in seen} == {"success", "failure"}

    async def logged_row() -> object:
        return (await api.get(f"webhooks/{bad['id']}/attempts")).data

    assert await eventually(logged_row) == [failed]


async def test_a_stream_is_refused_as_every_request_is(shared: SharedService) -> None:
    api, other = await shared.tenant(), await shared.tenant()
    foreign = await other.create("http://127.0.0.1:9/")
    trespassing = shared.client(api.token, other.account_id, shared.service)
    nobody = shared.client(None, api.account_id, shared.service)
    for kind in ("attempts", "events"):
        check_error(await trespassing.get(f"stream/{kind}"), 403, "forbidden")
        check_error(await nobody.get(f"stream/{kind}"), 401, "invalid_credentials")
    reply = await api.get("stream/attempts", filter_hook_id=foreign["id"])
    check_error(reply, 404, "bad_identifier")
    unknown = problem(await api.get("stream/events", hook="nix_*"), "hook")
    assert unknown["enum"]["message"] == "no hook fits nix_*"
    problem(await api.get("stream/attempts", filter_outcom="x"), "filter_outcom")


async def test_a_listener_hears_of_the_events_that_other_workers_take(
    shared: SharedService,
) -> None:
    api = await shared.tenant()
    another = await shared.another_worker()
    async with reading(api, "events", shared.service, another) as (stream, _):
        calls = {f"c-{number}" for number in range(40)}
        await shared.call(api.account_id, *sorted(calls))
        heard = {(await stream.next())[1]["call_id"] for _ in calls}
    assert heard == calls
    for worker in (shared.service, another):
        consumed = 'switchhook_events_consumed_total{hook="channel_create",source="kazoo"}'
        assert metric(await worker.metrics(), consumed) > 0
    await another.stop()


@pytest.fixture(scope="module")
async def narrow(new_shared: StartShared) -> AsyncIterator[SharedService]:
    """A service whose streams have small limits."""
    limits = {
        "SWITCHHOOK_API__STREAMS__MAX_PER_ACCOUNT": "2",
        "SWITCHHOOK_API__STREAMS__MAX": "3",
        "SWITCHHOOK_API__STREAMS__BUFFER_BYTES": "65536",
        "SWITCHHOOK_API__STREAMS__HEARTBEAT_S": "0.2",
    }
    async with new_shared(**limits) as running:
        yield running


async def test_streams_are_limited_and_their_places_are_free_again_at_once(
    narrow: SharedService,
) -> None:
    api, other = await narrow.tenant(), await narrow.tenant()
    async with reading(api, "events"), reading(api, "attempts"):
        reply = await api.get("stream/events")
        check_error(reply, 429, "too_many_requests")
        assert "2 streams" in reply.data["message"]
        async with reading(other, "events"):
            reply = await other.get("stream/events")
            check_error(reply, 429, "too_many_requests")
            assert "3 streams" in reply.data["message"]

    async def none_open() -> bool:
        return metric(await narrow.service.metrics(), "switchhook_streams_open") == 0

    await eventually(none_open, 3, "the end of the streams")


async def test_a_revoked_token_ends_its_streams(narrow: SharedService) -> None:
    api = await narrow.tenant()
    async with reading(api, "events") as (stream, _):
        await narrow.database["tokens"].delete_one({"account_id": api.account_id})
        name, data = await stream.next()
        assert (name, data) == ("end", {"reason": "the token is no longer valid for this account"})
        with pytest.raises(EOFError):
            await stream.next()


async def test_a_reader_that_is_too_slow_hears_how_much_is_missing_and_delays_nobody(
    narrow: SharedService, receiver: Receiver
) -> None:
    api = await narrow.tenant()
    await api.create(receiver.url("/"))
    count, large = 80, "x" * 300_000
    async with reading(api, "events", narrow.service) as (stream, _):
        async with switch(narrow.amqp_url) as kazoo:
            for number in range(count):
                message = call_event(f"c-{number}", account_id=api.account_id)
                message.body["Custom-Channel-Vars"]["Large"] = large
                await kazoo.publish(message)
        await receiver.until(lambda: len(receiver.requests) == count, 20)
        # What is missing between the workers shows by the number of the next event.
        await narrow.call(api.account_id, "c-last")
        count += 1
        heard, dropped = 0, 0
        while heard + dropped < count:
            name, data = await stream.next()
            heard += name == "request"
            dropped += data["count"] if name == "dropped" else 0
    assert heard + dropped == count
    assert heard
    assert dropped


async def test_streams_end_at_once_when_the_service_stops(shared: SharedService) -> None:
    worker = await shared.another_worker()
    api = await shared.tenant()
    there = shared.client(api.token, api.account_id, worker)
    async with reading(there, "events") as (stream, _):
        _, (name, data) = await asyncio.gather(worker.stop(), stream.next())
        assert (name, data["reason"]) == ("end", "the service stops")
