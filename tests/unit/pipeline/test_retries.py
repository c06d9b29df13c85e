import asyncio
from dataclasses import replace

import orjson
import pytest

from service.domain.delivery import DeadLetterReason, Delivery, Outcome, Response
from service.domain.errors import RejectedMessage
from service.domain.webhook import Format
from service.pipeline.envelope import seal
from service.pipeline.limits.endpoints import SILENT_AFTER_S
from service.pipeline.progress import Progress
from tests.builders import make_delivery, make_endpoints, make_past, make_places, make_webhook
from tests.fakes import FakeIncoming, FakeQueues, counted, incoming
from tests.unit.pipeline.parts import Parts
from tests.virtual_time import in_virtual_time, now

SECOND = make_delivery(payload=b'{"call_id":"7"}', past=(make_past(),))


def back(*, redelivered: bool = False) -> FakeIncoming:
    return incoming(seal([SECOND]), redelivered=redelivered)


@in_virtual_time
async def test_a_delivery_that_comes_back_is_sent_with_its_webhook_as_it_is_now() -> None:
    parts = Parts(cluster_id="c1b2")
    parts.subscribe(
        make_webhook(
            uri="https://moved.example/", format=Format.JSON, custom_data={"tenant": "new"}
        )
    )
    await parts.retries(back(), Progress())
    [request] = parts.sender.sent
    assert request.uri == "https://moved.example/"
    assert orjson.loads(request.body or b"") == {
        "call_id": "7",
        "tenant": "new",
        "cluster_id": "c1b2",
    }
    assert request.headers["X-Switchhook-Attempt"] == "2"
    assert request.headers["webhook-id"] == SECOND.delivery_id
    assert parts.queues == FakeQueues()


@in_virtual_time
async def test_it_is_still_sent_where_the_webhook_now_listens_to_another_hook() -> None:
    parts = Parts()
    parts.subscribe(make_webhook(hook="channel_destroy"))
    await parts.retries(back(), Progress())
    assert len(parts.sender.sent) == 1


@in_virtual_time
async def test_the_number_of_retries_is_that_of_the_webhook_now() -> None:
    parts = Parts()
    parts.subscribe(make_webhook(retries=1))
    parts.sender.responses = [Response(Outcome.TIMED_OUT)]
    await parts.retries(back(), Progress())
    [letter] = parts.queues.dead_lettered
    assert letter.reason is DeadLetterReason.EXHAUSTED
    assert [past.attempt for past in letter.delivery.past] == [1, 2]


@in_virtual_time
async def test_a_deleted_webhook_is_owed_nothing() -> None:
    parts = Parts()
    await parts.retries(back(), Progress())
    assert parts.sender.sent == []
    assert parts.queues == FakeQueues()
    assert counted(parts.metrics, "deliveries_total", outcome="cancelled") == 1


@in_virtual_time
async def test_what_waits_for_a_disabled_webhook_becomes_a_dead_letter() -> None:
    parts = Parts()
    parts.subscribe(make_webhook(enabled=False))
    await parts.retries(back(), Progress())
    [letter] = parts.queues.dead_lettered
    assert letter.reason is DeadLetterReason.WEBHOOK_DISABLED
    assert letter.delivery == SECOND
    assert letter.uri == make_webhook().uri
    assert parts.sender.sent == []
    assert counted(parts.metrics, "dead_letters_total", reason="webhook_disabled") == 1


@in_virtual_time
async def test_a_finished_delivery_is_not_sent_again_when_its_message_comes_again() -> None:
    parts = Parts()
    parts.subscribe(make_webhook())
    await parts.retries(back(), Progress())
    await parts.retries(back(redelivered=True), Progress())
    assert len(parts.sender.sent) == 1


@in_virtual_time
async def test_an_unfinished_delivery_is_sent_when_its_message_comes_again() -> None:
    parts = Parts()
    parts.subscribe(make_webhook())
    await parts.retries(back(redelivered=True), Progress())
    assert len(parts.sender.sent) == 1


@in_virtual_time
async def test_a_replayed_delivery_is_sent_although_it_was_finished_before() -> None:
    parts = Parts()
    parts.subscribe(make_webhook())
    await parts.retries(back(), Progress())
    await parts.retries(back(), Progress())
    assert len(parts.sender.sent) == 2


@in_virtual_time
async def test_a_delivery_is_held_while_the_store_is_away() -> None:
    parts = Parts()
    parts.subscribe(make_webhook())
    parts.store.failures = 2
    working = asyncio.create_task(parts.retries(back(), Progress()))
    await asyncio.sleep(0.5)
    assert not working.done()
    await working
    assert round(now(), 6) == 0.6
    assert len(parts.sender.sent) == 1


@in_virtual_time
async def test_each_deferral_goes_to_a_longer_tier_as_far_as_its_age_allows() -> None:
    parts = Parts(places=make_places(endpoints=make_endpoints(1)))
    parts.subscribe(make_webhook())
    parts.hold()
    await asyncio.sleep(2 * SILENT_AFTER_S)
    delivery, delays = SECOND, []
    for _ in range(7):
        await parts.retries(incoming(seal([delivery])), Progress())
        delivery, delay_ms = parts.queues.retried[-1]
        delays.append(delay_ms)
    assert delays == [1000, 5000, 30_000, 120_000, 120_000, 120_000, 120_000]
    assert (delivery.deferrals, delivery.past) == (7, SECOND.past)


@in_virtual_time
async def test_what_is_no_delivery_is_rejected() -> None:
    with pytest.raises(RejectedMessage):
        await Parts().retries(incoming(b"noise"), Progress())


def several(*webhook_ids: str) -> list[Delivery]:
    return [
        replace(SECOND, delivery_id=f"delivery-{webhook_id}", webhook_id=webhook_id, deferrals=1)
        for webhook_id in webhook_ids
    ]


@in_virtual_time
async def test_deliveries_that_travelled_together_are_each_sent_to_their_webhooks() -> None:
    parts = Parts()
    parts.subscribe(*(make_webhook(name, uri=f"https://{name}.example/") for name in "abc"))
    await parts.retries(incoming(seal(several("a", "b", "c"))), Progress())
    assert sorted(request.uri for request in parts.sender.sent) == [
        f"https://{name}.example/" for name in "abc"
    ]
    assert {headers["X-Switchhook-Attempt"] for headers in parts.sender.headers} == {"2"}
    assert parts.queues == FakeQueues()


@in_virtual_time
async def test_of_deliveries_that_travelled_together_each_has_its_webhook_as_it_is_now() -> None:
    parts = Parts()
    off = [make_webhook(name, enabled=False) for name in ("off-1", "off-2")]
    parts.subscribe(make_webhook("on"), *off)
    await parts.retries(incoming(seal(several("on", "off-1", "gone", "off-2"))), Progress())
    assert len(parts.sender.sent) == 1
    assert [letter.delivery.webhook_id for letter in parts.queues.dead_lettered] == [
        "off-1",
        "off-2",
    ]
    assert parts.queues.batches == [2]
    assert counted(parts.metrics, "deliveries_total", outcome="cancelled") == 1
    assert counted(parts.metrics, "deliveries_total", outcome="dead_lettered") == 2


@in_virtual_time
async def test_of_deliveries_that_travelled_together_only_the_unfinished_are_sent_again() -> None:
    parts = Parts()
    parts.subscribe(make_webhook("a"), make_webhook("b"), make_webhook("off", enabled=False))
    await parts.retries(incoming(seal(several("a", "off"))), Progress())
    again = incoming(seal(several("a", "b", "off")), redelivered=True)
    await parts.retries(again, Progress())
    assert [headers["X-Hook-ID"] for headers in parts.sender.headers] == ["a", "b"]
    assert len(parts.queues.dead_lettered) == 1


@in_virtual_time
async def test_a_message_whose_deliveries_are_all_finished_is_settled() -> None:
    parts = Parts()
    parts.subscribe(make_webhook("a"), make_webhook("b"))
    for redelivered in (False, True):
        message = incoming(seal(several("a", "b")), redelivered=redelivered)
        await parts.retries(message, Progress())
    assert len(parts.sender.sent) == 2


@in_virtual_time
async def test_deliveries_that_travelled_together_are_put_off_together_again() -> None:
    parts = Parts(places=make_places(1))
    parts.subscribe(*(make_webhook(name) for name in "abc"))
    parts.hold()
    await asyncio.sleep(2 * SILENT_AFTER_S)
    await parts.retries(incoming(seal(several("a", "b", "c"))), Progress())
    assert parts.queues.batches == [3]
    assert {delivery.deferrals for delivery, _ in parts.queues.retried} == {2}
    assert {delay_ms for _, delay_ms in parts.queues.retried} == {5000}
