import asyncio

import orjson
import pytest

from service.domain.delivery import Outcome, Response, delivery_id_of
from service.domain.errors import RejectedMessage, RejectReason
from service.domain.event import event_id_of
from service.domain.filters.filters import filters_of
from service.domain.webhook import Format
from service.pipeline.progress import Progress
from tests.builders import (
    ACCOUNT,
    CALL_ID,
    MASTER,
    NOW,
    RESELLER,
    channel_body,
    make_endpoints,
    make_places,
    make_webhook,
)
from tests.fakes import FakeQueues, FakeSender, counted, incoming
from tests.unit.pipeline.parts import Parts
from tests.virtual_time import in_virtual_time, now, settle

BODY = channel_body()


def subscribed(*webhook_ids: str) -> Parts:
    parts = Parts()
    parts.subscribe(*(make_webhook(webhook_id) for webhook_id in webhook_ids))
    return parts


def told(parts: Parts) -> list[str]:
    return [headers["X-Hook-ID"] for headers in parts.sender.headers]


@in_virtual_time
async def test_an_event_is_told_to_every_webhook_that_wants_it() -> None:
    parts = Parts()
    parts.subscribe(
        make_webhook("a"),
        make_webhook("b", hook="all"),
        make_webhook("c", hook="channel_destroy"),
        make_webhook("d", modifiers={"call_direction": "outbound"}),
        make_webhook("e", modifiers={"call_direction": ["inbound"]}),
        make_webhook("f", clauses=filters_of([{"caller": "+1555*"}, {"direction": "inbound"}])),
        make_webhook("g", clauses=filters_of([{"caller": "+49*"}])),
        make_webhook("h", modifiers={"call_direction": "x"}, clauses=filters_of([])),
    )
    await parts.events(incoming(BODY), Progress())
    assert sorted(told(parts)) == ["a", "b", "e", "f"]
    assert parts.queues == FakeQueues()
    name = "events_consumed_total"
    assert counted(parts.metrics, name, source="kazoo", hook="channel_create") == 1
    assert counted(parts.metrics, name, source="kazoo", hook="channel_destroy") == 0


@in_virtual_time
async def test_the_ancestors_that_include_sub_accounts_are_told_too() -> None:
    parts = Parts()
    parts.subscribe(make_webhook("own"), tree=(MASTER, RESELLER))
    parts.subscribe(make_webhook("root", account_id=MASTER, include_subaccounts=True))
    parts.subscribe(make_webhook("narrow", account_id=RESELLER))
    await parts.events(incoming(BODY), Progress())
    assert sorted(told(parts)) == ["own", "root"]
    owners = {headers["X-Hook-ID"]: headers["X-Account-ID"] for headers in parts.sender.headers}
    assert owners == {"own": ACCOUNT, "root": MASTER}


@in_virtual_time
async def test_the_payload_says_whose_event_it_is_whoever_hears_it() -> None:
    parts = Parts(cluster_id="c1b2")
    parts.subscribe(make_webhook("own", hook="channel_destroy"), tree=(MASTER,))
    parts.subscribe(
        make_webhook("root", account_id=MASTER, include_subaccounts=True, format=Format.JSON)
    )
    await parts.events(incoming(BODY), Progress())
    payload = orjson.loads(parts.sender.sent[0].body or b"")
    assert payload["account_id"] == ACCOUNT
    assert payload["reseller_id"] == RESELLER
    assert payload["hook_event"] == "channel_create"
    assert payload["cluster_id"] == "c1b2"


@in_virtual_time
async def test_a_delivery_carries_the_snapshot_that_retries_are_made_from() -> None:
    parts = subscribed("a")
    parts.sender.responses = [Response(Outcome.BAD_STATUS, 500)]
    message = incoming(BODY)
    await parts.events(message, Progress())
    [(delivery, delay_ms)] = parts.queues.retried
    event_id = event_id_of("kazoo", message.body)
    assert delay_ms == 1000
    assert delivery.event_id == event_id
    assert delivery.delivery_id == delivery_id_of(event_id, "a")
    assert delivery.webhook_id == "a"
    assert delivery.account_id == ACCOUNT
    assert (delivery.hook, delivery.event_name) == ("channel_create", "CHANNEL_CREATE")
    assert delivery.call_id == CALL_ID
    assert delivery.received_at == NOW
    assert orjson.loads(delivery.payload)["caller_id_name"] == "Zoë Testerová"


@in_virtual_time
async def test_one_failing_webhook_does_not_harm_the_others() -> None:
    parts = subscribed("a", "b")
    parts.sender.responses = [Response(Outcome.REFUSED), Response(Outcome.SUCCEEDED, 200)]
    await parts.events(incoming(BODY), Progress())
    assert sorted(told(parts)) == ["a", "b"]
    assert [delivery.webhook_id for delivery, _ in parts.queues.retried] == ["a"]


@in_virtual_time
async def test_an_event_of_nobody_is_counted_and_settled() -> None:
    parts = subscribed("a")
    await parts.events(incoming(channel_body(**{"Custom-Channel-Vars": {}})), Progress())
    assert parts.sender.sent == []
    assert counted(parts.metrics, "events_without_account_total") == 1
    assert (
        counted(parts.metrics, "events_consumed_total", source="kazoo", hook="channel_create") == 1
    )


@in_virtual_time
async def test_an_event_that_nobody_wants_is_settled() -> None:
    parts = Parts()
    await parts.events(incoming(BODY), Progress())
    assert parts.sender.sent == []
    assert parts.store.asked == [ACCOUNT]
    assert counted(parts.metrics, "events_without_account_total") == 0


@in_virtual_time
async def test_a_message_nobody_understands_is_rejected() -> None:
    with pytest.raises(RejectedMessage) as rejection:
        await subscribed("a").events(incoming(b"noise"), Progress())
    assert rejection.value.reason is RejectReason.NOT_JSON


@in_virtual_time
async def test_an_event_is_held_while_the_store_is_away() -> None:
    parts = subscribed("a")
    parts.store.failures = 3
    working = asyncio.create_task(parts.events(incoming(BODY), Progress()))
    await asyncio.sleep(1.3)
    assert not working.done()
    assert parts.sender.sent == []
    await working
    assert round(now(), 6) == 1.4
    assert told(parts) == ["a"]


@in_virtual_time
async def test_a_number_is_looked_up_as_soon_as_the_store_is_back() -> None:
    parts = subscribed("a")
    parts.store.numbers["+15552345678"] = ACCOUNT
    parts.store.failures = 1
    await parts.events(incoming(channel_body(**{"Custom-Channel-Vars": {}})), Progress())
    assert told(parts) == ["a"]
    assert parts.store.asked == ["+15552345678", "+15552345678", ACCOUNT]


@in_virtual_time
async def test_what_is_finished_is_not_sent_again_when_the_message_comes_again() -> None:
    parts = subscribed("a", "b")
    parts.sender.responses = [Response(Outcome.SUCCEEDED, 200)]
    await parts.events(incoming(BODY), Progress())
    await parts.events(incoming(BODY, redelivered=True), Progress())
    assert sorted(told(parts)) == ["a", "b"]


@in_virtual_time
async def test_what_a_redelivered_message_still_owes_is_sent() -> None:
    parts = subscribed("a")
    await parts.events(incoming(BODY), Progress())
    parts.subscribe(make_webhook("a"), make_webhook("b"))
    await parts.events(incoming(BODY, redelivered=True), Progress())
    assert told(parts) == ["a", "b"]


@in_virtual_time
async def test_a_message_that_is_no_copy_is_sent_although_an_equal_one_was() -> None:
    # The switch published it twice: at least once means that both are told.
    parts = subscribed("a")
    await parts.events(incoming(BODY), Progress())
    await parts.events(incoming(BODY), Progress())
    assert told(parts) == ["a", "a"]
    ids = {headers["webhook-id"] for headers in parts.sender.headers}
    assert len(ids) == 1


@in_virtual_time
async def test_a_saturated_endpoint_defers_the_delivery_and_the_event_is_settled() -> None:
    parts = Parts(places=make_places(endpoints=make_endpoints(1)))
    parts.subscribe(make_webhook("a"))
    parts.hold()
    await parts.events(incoming(BODY), Progress())
    [(delivery, delay_ms)] = parts.queues.retried
    assert (delivery.deferrals, delivery.past, delay_ms) == (1, (), 1000)
    assert parts.sender.sent == []


@in_virtual_time
async def test_an_event_is_not_settled_before_its_slowest_delivery() -> None:
    class Slow(FakeSender):
        async def send(self, request: object) -> Response:
            await asyncio.sleep(4.0 if "slow" in str(request) else 0.0)
            return Response(Outcome.SUCCEEDED, 200)

    parts = Parts(sender=Slow())
    parts.subscribe(make_webhook("a"), make_webhook("b", uri="https://slow.example/"))
    working = asyncio.create_task(parts.events(incoming(BODY), Progress()))
    await settle()
    assert counted(parts.metrics, "deliveries_total", outcome="delivered") == 1
    assert not working.done()
    await working
    assert round(now(), 6) == 4.0
