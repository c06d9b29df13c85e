"""Batches: what is counted, and deliveries whose endpoint or webhook fails them meanwhile."""

import asyncio
from dataclasses import replace

import pytest

from service.domain.batch_close import BatchClose
from service.domain.breaker import BreakerPolicy
from service.domain.delivery import DeadLetterReason, DeferReason, Outcome, Request, Response
from service.domain.webhook import Batching
from tests.builders import make_endpoints, make_places
from tests.fakes import FakeQueues, FakeSender, counted
from tests.unit.pipeline.batches import BATCHED, deliver, deliveries, furnished, ids
from tests.unit.pipeline.parts import Parts
from tests.unit.pipeline.place_parts import FINE, INSTANT_S, PATIENT_S
from tests.virtual_time import in_virtual_time, settle

DOWN = Response(Outcome.BAD_STATUS, 502)


class Hanging(FakeSender):
    async def send(self, request: Request) -> Response:
        self.sent.append(request)
        await asyncio.sleep(3600)
        raise AssertionError


def requests(parts: Parts) -> dict[BatchClose, float]:
    """Return how many requests were counted, by cause, without zeros."""
    found = {
        cause: counted(parts.metrics, "batch_requests_total", closed_by=cause.value)
        for cause in BatchClose
    }
    return {cause: count for cause, count in found.items() if count}


def waiting(parts: Parts) -> tuple[float | None, float | None]:
    """Return the open batches, and the deliveries in them."""
    return counted(parts.metrics, "batches_open"), counted(parts.metrics, "deliveries_in_batches")


@in_virtual_time
async def test_open_batches_and_their_deliveries_are_counted_while_they_wait() -> None:
    other = replace(BATCHED, webhook_id="other")
    parts = Parts()
    parts.subscribe(BATCHED, other)
    delivering = asyncio.gather(
        deliver(parts, deliveries(2)), deliver(parts, deliveries(3)[2:], other)
    )
    await asyncio.sleep(0.5)
    assert waiting(parts) == (2, 3)
    assert requests(parts) == {}
    await delivering
    assert waiting(parts) == (0, 0)
    assert requests(parts) == {BatchClose.TIME: 2}
    assert counted(parts.metrics, "batch_deliveries_count") == 2
    assert counted(parts.metrics, "batch_deliveries_sum") == 3


@in_virtual_time
async def test_each_delivery_knows_how_long_it_waited_for_the_others() -> None:
    parts = furnished()
    first = asyncio.create_task(deliver(parts, deliveries(1)))
    await asyncio.sleep(0.75)
    await deliver(parts, deliveries(2)[1:])
    await first
    waited = [row.in_batch and round(row.in_batch.waited_s, 3) for row in parts.log.rows]
    assert waited == [1.0, 0.25]


@in_virtual_time
async def test_a_full_batch_is_counted_as_full() -> None:
    parts = furnished()
    await deliver(parts, deliveries(3))
    assert requests(parts) == {BatchClose.FULL: 1}
    assert counted(parts.metrics, "batch_deliveries_bucket", le="2.0") == 0
    assert counted(parts.metrics, "batch_deliveries_bucket", le="5.0") == 1


@in_virtual_time
async def test_a_batch_that_leaves_early_for_its_account_is_counted_as_such() -> None:
    webhook = replace(BATCHED, batching=Batching(1000, 60_000))
    parts = furnished(webhook=webhook)
    await deliver(parts, deliveries(50), webhook)
    assert requests(parts) == {BatchClose.SHARE: 1}


@in_virtual_time
async def test_a_stop_is_the_cause_of_batches_that_it_closes_and_of_later_ones() -> None:
    parts = furnished()
    before = asyncio.create_task(deliver(parts, deliveries(2)))
    await asyncio.sleep(0.1)
    parts.batches.hurry()
    await deliver(parts, deliveries(3)[2:])
    await before
    assert ids(parts) == [["d0", "d1"], ["d2"]]
    assert requests(parts) == {BatchClose.STOP: 2}


@in_virtual_time
async def test_an_edit_that_divides_a_batch_is_counted() -> None:
    parts, edited = furnished(), replace(BATCHED, custom_data={"tag": "x"})
    before = asyncio.create_task(deliver(parts, deliveries(1)))
    await asyncio.sleep(0.5)
    # The store's change has not reached this worker, so the first batch is sent as it was.
    await deliver(parts, deliveries(2)[1:], edited)
    await before
    assert requests(parts)[BatchClose.EDITED] == 1


@in_virtual_time
async def test_the_batches_of_a_backlog_are_not_taken_for_those_of_the_lanes() -> None:
    parts = furnished()
    parts.deliverer = replace(parts.deliverer, batches=parts.batches.at_once(BatchClose.BACKLOG))
    await deliver(parts, deliveries(2))
    assert requests(parts) == {BatchClose.BACKLOG: 2}
    parts.deliverer = replace(parts.deliverer, batches=parts.batches)
    delivering = asyncio.create_task(deliver(parts, deliveries(1)))
    await settle()
    assert waiting(parts) == (1, 1)
    await delivering


@in_virtual_time
async def test_a_broken_endpoint_gets_no_batch_and_its_events_are_put_off_for_the_pause() -> None:
    places = make_places(endpoints=make_endpoints(policy=BreakerPolicy(1, 7.0)))
    parts = furnished(DOWN)
    parts.places = places
    await deliver(parts, deliveries(3))
    parts.queues.retried.clear()
    await deliver(parts, deliveries(3))
    assert len(parts.sender.sent) == 1, "the second batch was not sent"
    assert [one.delivery_id for one, _ in parts.queues.retried] == ["d0", "d1", "d2"]
    assert {(len(one.past), one.deferrals) for one, _ in parts.queues.retried} == {(0, 1)}
    assert all(delay_ms >= 7000 for _, delay_ms in parts.queues.retried)
    assert counted(parts.metrics, "deferrals_total", reason=DeferReason.BROKEN.value) == 3
    assert counted(parts.metrics, "batch_deliveries_count") == 1
    assert parts.idle


@in_virtual_time
async def test_events_of_a_webhook_disabled_meanwhile_become_dead_letters() -> None:
    parts = furnished()
    delivering = asyncio.create_task(deliver(parts, deliveries(2)))
    await asyncio.sleep(0.5)
    parts.subscribe(replace(BATCHED, enabled=False))
    await delivering
    assert parts.sender.sent == []
    letters = {letter.delivery.delivery_id: letter for letter in parts.queues.dead_lettered}
    assert letters.keys() == {"d0", "d1"}
    assert {one.reason for one in letters.values()} == {DeadLetterReason.WEBHOOK_DISABLED}
    assert {one.delivery.past for one in letters.values()} == {()}
    assert requests(parts) == {}
    assert parts.idle


@in_virtual_time
async def test_events_of_a_webhook_deleted_meanwhile_are_dropped_and_counted() -> None:
    parts = furnished()
    delivering = asyncio.create_task(deliver(parts, deliveries(2)))
    await asyncio.sleep(0.5)
    parts.subscribe(replace(BATCHED, webhook_id="another"))
    del parts.store.webhooks[BATCHED.webhook_id]
    await delivering
    assert parts.sender.sent == []
    assert parts.queues == FakeQueues()
    assert counted(parts.metrics, "deliveries_total", outcome="cancelled") == 2
    assert all(one in parts.finished for one in deliveries(2))
    assert parts.idle


@in_virtual_time
@pytest.mark.parametrize("deleted", [True, False])
async def test_a_closed_batch_in_line_for_a_place_is_not_sent_to_a_webhook_that_changed(
    deleted: bool,
) -> None:
    places = make_places(100, PATIENT_S, make_endpoints(1))
    parts = Parts(places=places, remembers=True)
    parts.subscribe(BATCHED)
    ahead = parts.hold(BATCHED.uri)
    delivering = asyncio.create_task(deliver(parts, deliveries(3)))
    await settle()
    if deleted:
        parts.subscribe(replace(BATCHED, webhook_id="another"))
        del parts.store.webhooks[BATCHED.webhook_id]
    else:
        parts.subscribe(replace(BATCHED, enabled=False))
    places.leave(ahead, INSTANT_S, FINE)
    await delivering
    assert parts.sender.sent == []
    assert len(parts.queues.dead_lettered) == (0 if deleted else 3)
    dropped = counted(parts.metrics, "deliveries_total", outcome="cancelled")
    assert dropped == (3 if deleted else 0)
    assert parts.idle


@in_virtual_time
async def test_the_request_of_a_batch_is_cut_when_its_webhook_is_deleted() -> None:
    hanging = Hanging()
    parts = Parts(sender=hanging)
    parts.subscribe(BATCHED)
    delivering = asyncio.create_task(deliver(parts, deliveries(3)))
    await settle()
    assert len(hanging.sent) == 1
    parts.deliverer.attempter.in_flight.cut(BATCHED.webhook_id)
    await delivering
    assert counted(parts.metrics, "deliveries_total", outcome="cancelled") == 3
    assert parts.log.rows == []
    assert parts.idle
