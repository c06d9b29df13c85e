"""Batches: several deliveries of a webhook in one request, and what becomes of each."""

import asyncio
from dataclasses import replace

import orjson
import pytest

from service.domain.delivery import Outcome, Response, batch_id_of
from service.domain.webhook import Batching
from service.pipeline.deferrals import GATHER_S
from service.pipeline.gathering import MOST_BATCH_BYTES
from service.pipeline.progress import Progress
from tests.builders import NOW, make_attempt, make_delivery
from tests.unit.pipeline.batches import BATCHED, deliver, deliveries, furnished, ids, items
from tests.unit.pipeline.parts import Parts
from tests.virtual_time import in_virtual_time, now


@in_virtual_time
async def test_a_full_batch_is_sent_at_once() -> None:
    parts = furnished()
    await deliver(parts, deliveries(3))
    assert now() == 0.0
    assert ids(parts) == [["d0", "d1", "d2"]]
    assert parts.sender.sent[0].headers["X-Switchhook-Batch"] == "3"
    assert all(one in parts.finished for one in deliveries(3))
    assert parts.idle


@in_virtual_time
async def test_a_batch_that_does_not_fill_is_sent_when_its_time_is_over() -> None:
    parts = furnished()
    await deliver(parts, deliveries(2))
    assert round(now(), 3) == 1.0
    assert ids(parts) == [["d0", "d1"]]


@in_virtual_time
async def test_an_item_has_id_hook_times_and_the_body_it_would_have_by_itself() -> None:
    webhook = replace(BATCHED, custom_data={"tag": "x"})
    parts = furnished(webhook=webhook)
    one = make_delivery(delivery_id="d0", occurred_at=1_700_000_000.5)
    await deliver(parts, [one], webhook)
    (item,) = items(parts)
    assert item["payload"] == orjson.loads(one.payload) | {"tag": "x"}
    assert item["id"] == "d0"
    assert item["hook"] == one.hook
    assert item["attempt"] == 1
    assert item["occurred_at"] == "2023-11-14T22:13:20.500Z"
    assert set(item) >= {"received_at", "schema"}


@in_virtual_time
async def test_a_batch_has_the_same_id_for_the_same_deliveries_in_any_order() -> None:
    parts = furnished()
    await deliver(parts, deliveries(3))
    await deliver(parts, [*reversed(deliveries(3))])
    first, second = (headers["webhook-id"] for headers in parts.sender.headers)
    assert first == second == batch_id_of(deliveries(3))
    assert first not in {"d0", "d1", "d2"}
    assert batch_id_of(deliveries(2)) != first
    again = [
        replace(one, past=(make_attempt(Response(Outcome.BAD_STATUS, 500)).as_past(),))
        for one in deliveries(3)
    ]
    assert batch_id_of(again) != first


@in_virtual_time
async def test_each_delivery_has_a_row_with_its_own_item_and_the_batch() -> None:
    parts = furnished(Response(Outcome.BAD_STATUS, 500, body=b"x" * 5000))
    await deliver(parts, deliveries(3))
    assert [row.delivery.delivery_id for row in parts.log.rows] == ["d0", "d1", "d2"]
    assert {row.in_batch and row.in_batch.size for row in parts.log.rows} == {3}
    assert {row.in_batch and row.in_batch.batch_id for row in parts.log.rows} == {
        batch_id_of(deliveries(3))
    }
    assert len({row.attempt_id for row in parts.log.rows}) == 3
    for row in parts.log.rows:
        assert row.request is not None
        assert orjson.loads(row.request.body or b"")["id"] == row.delivery.delivery_id
        assert len(row.response.body) == 1024


@in_virtual_time
async def test_all_deliveries_of_a_failed_batch_are_retried() -> None:
    parts = furnished(Response(Outcome.BAD_STATUS, 500))
    await deliver(parts, deliveries(3))
    assert sorted(one.delivery_id for one, _ in parts.queues.retried) == ["d0", "d1", "d2"]
    assert {len(one.past) for one, _ in parts.queues.retried} == {1}


@in_virtual_time
async def test_a_failed_batch_counts_as_one_failure_of_its_webhook() -> None:
    webhook = replace(BATCHED, batching=Batching(20, 1000))
    parts = furnished(Response(Outcome.BAD_STATUS, 500), webhook=webhook)
    await deliver(parts, deliveries(20), webhook)
    await parts.disabler.flush()
    assert parts.health.failures == {webhook.webhook_id: [NOW]}


@in_virtual_time
async def test_only_the_deliveries_that_the_receiver_lists_are_retried() -> None:
    answer = Response(Outcome.SUCCEEDED, 200, body=b'{"failed": ["d1", "unknown", 3]}')
    parts = furnished(answer)
    await deliver(parts, deliveries(3))
    ((later, _),) = parts.queues.retried
    assert later.delivery_id == "d1"
    assert later.past[0].outcome is Outcome.ITEM_FAILED
    outcomes = {row.delivery.delivery_id: row.response.outcome for row in parts.log.rows}
    assert outcomes == {
        "d0": Outcome.SUCCEEDED, "d1": Outcome.ITEM_FAILED, "d2": Outcome.SUCCEEDED,
    }  # fmt: skip


@pytest.mark.parametrize(
    "body", [b"", b"ok", b"[]", b'{"failed": "d1"}', b'{"failed": ["d1"', b"\xff", b'"d1"']
)
async def test_any_other_answer_accepts_the_whole_batch(body: bytes) -> None:
    parts = furnished(Response(Outcome.SUCCEEDED, 200, body=body))
    await deliver(parts, deliveries(3))
    assert parts.queues.retried == []


async def test_a_failed_batch_may_list_what_it_likes() -> None:
    parts = furnished(Response(Outcome.BAD_STATUS, 500, body=b'{"failed": ["d1"]}'))
    await deliver(parts, deliveries(3))
    assert {row.response.outcome for row in parts.log.rows} == {Outcome.BAD_STATUS}


@in_virtual_time
async def test_a_batch_is_not_sent_to_a_webhook_that_was_edited_meanwhile() -> None:
    parts, moved = furnished(), replace(BATCHED, uri="https://new.example/", batching=None)
    delivering = asyncio.create_task(deliver(parts, deliveries(2)))
    await asyncio.sleep(0.5)
    parts.subscribe(moved)
    await delivering
    assert [request.uri for request in parts.sender.sent] == [moved.uri] * 2


@in_virtual_time
async def test_a_batch_of_a_deleted_webhook_is_dropped() -> None:
    parts = furnished()
    delivering = asyncio.create_task(deliver(parts, deliveries(2)))
    await asyncio.sleep(0.5)
    parts.store.accounts.clear()
    parts.store.webhooks.clear()
    await delivering
    assert parts.sender.sent == []
    assert parts.queues.retried == []


@in_virtual_time
async def test_a_batch_begun_before_an_edit_holds_no_event_that_came_after_it() -> None:
    parts, edited = furnished(), replace(BATCHED, custom_data={"tag": "x"})
    before = asyncio.create_task(deliver(parts, deliveries(1)))
    await asyncio.sleep(0.5)
    parts.subscribe(edited)
    await deliver(parts, deliveries(2)[1:], edited)
    await before
    assert sorted(ids(parts)) in ([["d0"], ["d1"]], [["d1", "d0"]])
    assert all(
        item["payload"]["tag"] == "x" for n in range(len(ids(parts))) for item in items(parts, n)
    )


@in_virtual_time
async def test_webhooks_have_batches_of_their_own() -> None:
    other = replace(BATCHED, webhook_id="other")
    parts = Parts()
    parts.subscribe(BATCHED, other)
    await asyncio.gather(deliver(parts, deliveries(1)), deliver(parts, deliveries(2)[1:], other))
    assert ids(parts) == [["d0"], ["d1"]]


@in_virtual_time
async def test_a_batch_is_sent_before_it_gets_too_large() -> None:
    parts = furnished()
    large = make_delivery(delivery_id="d0", payload=b'{"a":"' + b"x" * MOST_BATCH_BYTES + b'"}')
    await deliver(parts, [large])
    assert now() == 0.0
    assert ids(parts) == [["d0"]]


@in_virtual_time
async def test_an_account_beyond_its_share_sends_early_and_defers_the_rest() -> None:
    webhook = replace(BATCHED, batching=Batching(1000, 60_000))
    parts = furnished(webhook=webhook)
    await deliver(parts, deliveries(50), webhook)
    assert now() <= GATHER_S
    (sent,) = ids(parts)
    assert 0 < len(sent) < 50
    deferred = [one.delivery_id for one, _ in parts.queues.retried]
    assert sorted([*sent, *deferred]) == sorted(one.delivery_id for one in deliveries(50))


@in_virtual_time
async def test_batches_leave_room_for_other_accounts() -> None:
    parts = furnished(webhook=replace(BATCHED, batching=Batching(1000, 60_000)))
    greedy = replace(BATCHED, batching=Batching(1000, 60_000))
    waiting = asyncio.create_task(deliver(parts, deliveries(30), greedy))
    await asyncio.sleep(0.1)
    other = replace(BATCHED, account_id="other", webhook_id="other")
    parts.subscribe(other)
    owed = [replace(one, account_id="other", webhook_id="other") for one in deliveries(3)]
    await deliver(parts, owed, other)
    assert ids(parts) == [["d0", "d1", "d2"]]
    parts.batches.hurry()
    await waiting


@in_virtual_time
async def test_open_batches_leave_when_the_service_stops() -> None:
    parts = furnished()
    delivering = asyncio.create_task(deliver(parts, deliveries(2)))
    await asyncio.sleep(0.1)
    parts.batches.hurry()
    await delivering
    assert round(now(), 3) == 0.1
    assert ids(parts) == [["d0", "d1"]]


@in_virtual_time
async def test_a_fallback_gets_each_event_by_itself() -> None:
    webhook = replace(BATCHED, retries=0, fallback_uri="https://fallback.example/")
    failed, fine = Response(Outcome.BAD_STATUS, 500), Response(Outcome.SUCCEEDED, 200)
    parts = furnished(failed, fine, webhook=webhook)
    await deliver(parts, deliveries(3), webhook)
    fallbacks = parts.sender.sent[1:]
    assert [request.uri for request in fallbacks] == [webhook.fallback_uri] * 3
    assert {request.headers["webhook-id"] for request in fallbacks} == {"d0", "d1", "d2"}
    assert orjson.loads(fallbacks[0].body or b"") == orjson.loads(deliveries(1)[0].payload)


@in_virtual_time
async def test_a_message_in_a_batch_counts_as_begun() -> None:
    parts, progress = furnished(), Progress()
    (one,) = deliveries(1)
    delivering = asyncio.create_task(parts.deliver([(one, BATCHED)], progress))
    await asyncio.sleep(0.5)
    assert progress.begun
    assert not progress.moving
    await delivering


@in_virtual_time
async def test_a_cancelled_message_leaves_its_batch() -> None:
    parts = furnished()
    gone = asyncio.create_task(deliver(parts, deliveries(1)))
    staying = asyncio.create_task(deliver(parts, deliveries(2)[1:]))
    await asyncio.sleep(0.5)
    gone.cancel()
    await staying
    assert ids(parts) == [["d1"]]


@in_virtual_time
async def test_a_bug_makes_dead_letters_and_frees_what_was_held() -> None:
    parts = furnished()
    parts.sender.responses = [RuntimeError("a bug")]
    await deliver(parts, deliveries(3))
    assert sorted(letter.delivery.delivery_id for letter in parts.queues.dead_lettered) == [
        "d0",
        "d1",
        "d2",
    ]
    assert parts.batches._held == {}
    assert parts.idle
