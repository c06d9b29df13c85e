"""What becomes of a delivery whose webhook changes while it waits, or while it is sent."""

import asyncio

import pytest

from service.domain.delivery import DeadLetterReason, Response
from service.domain.webhook import Webhook
from service.pipeline.progress import Progress
from tests.builders import make_delivery, make_endpoints, make_places, make_webhook
from tests.fakes import FakeQueues, FakeSender, counted
from tests.unit.pipeline.parts import Parts
from tests.unit.pipeline.place_parts import FINE, INSTANT_S, PATIENT_S
from tests.virtual_time import in_virtual_time, settle

MOVED = "https://moved.example/"


class Waiting:
    """A delivery in line behind somebody else's request, for a webhook of a busy endpoint."""

    def __init__(self, webhook: Webhook | None = None) -> None:
        self.webhook = webhook or make_webhook()
        self.parts = Parts(places=make_places(100, PATIENT_S, make_endpoints(1)), remembers=True)
        self.parts.subscribe(self.webhook)
        self.progress = Progress()
        self._ahead = self.parts.hold()

    async def wait(self, **delivery: object) -> asyncio.Task[None]:
        owed = [(make_delivery(**delivery), self.webhook)]
        delivering = asyncio.create_task(self.parts.deliver(owed, self.progress))
        await settle()
        assert self.progress.in_line == 1
        return delivering

    def have_its_turn(self) -> None:
        self.parts.places.leave(self._ahead, INSTANT_S, FINE)

    @property
    def requested(self) -> list[str]:
        return [request.uri for request in self.parts.sender.sent]


@in_virtual_time
async def test_a_delivery_that_waited_is_sent_once_where_nothing_has_changed() -> None:
    waiting = Waiting()
    delivering = await waiting.wait()
    waiting.have_its_turn()
    await delivering
    assert waiting.requested == [make_webhook().uri]
    assert waiting.parts.store.asked == []
    assert waiting.parts.idle


@in_virtual_time
async def test_a_webhook_that_was_edited_meanwhile_is_sent_to_as_it_is_now() -> None:
    waiting = Waiting()
    delivering = await waiting.wait()
    waiting.parts.subscribe(make_webhook(uri=MOVED))
    waiting.have_its_turn()
    await delivering
    assert waiting.requested == [MOVED]
    assert waiting.parts.idle


@in_virtual_time
async def test_a_webhook_that_was_edited_meanwhile_waits_again_where_it_goes_now() -> None:
    waiting = Waiting()
    place = waiting.parts.hold(MOVED)
    delivering = await waiting.wait()
    waiting.parts.subscribe(make_webhook(uri=MOVED))
    waiting.have_its_turn()
    await settle()
    assert (waiting.requested, waiting.progress.in_line) == ([], 1)
    waiting.parts.places.leave(place, INSTANT_S, FINE)
    await delivering
    assert waiting.requested == [MOVED]
    assert waiting.parts.idle


@in_virtual_time
async def test_a_webhook_that_was_disabled_meanwhile_leaves_a_dead_letter() -> None:
    waiting = Waiting()
    delivering = await waiting.wait()
    waiting.parts.subscribe(make_webhook(enabled=False))
    waiting.have_its_turn()
    await delivering
    assert waiting.requested == []
    [letter] = waiting.parts.queues.dead_lettered
    assert letter.reason is DeadLetterReason.WEBHOOK_DISABLED
    assert letter.delivery == make_delivery()
    assert waiting.parts.idle


@in_virtual_time
async def test_a_webhook_that_was_deleted_meanwhile_is_owed_nothing() -> None:
    waiting = Waiting()
    delivering = await waiting.wait()
    waiting.parts.subscribe(make_webhook("another"))
    del waiting.parts.store.webhooks["hook-1"]
    waiting.have_its_turn()
    await delivering
    assert waiting.requested == []
    assert waiting.parts.queues == FakeQueues()
    assert counted(waiting.parts.metrics, "deliveries_total", outcome="cancelled") == 1
    assert make_delivery() in waiting.parts.finished
    assert waiting.parts.idle


@in_virtual_time
async def test_no_request_begins_for_a_webhook_whose_deletion_was_told() -> None:
    # The account may be stale, and still have the webhook, while the store is slow.
    parts = Parts(remembers=True)
    parts.subscribe(make_webhook())
    del parts.store.webhooks["hook-1"]
    parts.directory.deleted.add("hook-1")
    await parts.deliver()
    assert parts.sender.sent == []
    assert parts.queues == FakeQueues()
    assert counted(parts.metrics, "deliveries_total", outcome="cancelled") == 1
    assert parts.idle


@in_virtual_time
async def test_a_fallback_that_was_taken_away_meanwhile_is_not_asked() -> None:
    waiting = Waiting(make_webhook(fallback_uri=make_webhook().uri, uri="https://primary.example/"))
    delivering = await waiting.wait(fallback_for="timed_out")
    waiting.parts.subscribe(make_webhook(uri="https://primary.example/"))
    waiting.have_its_turn()
    await delivering
    assert waiting.requested == []
    [letter] = waiting.parts.queues.dead_lettered
    assert letter.reason is DeadLetterReason.EXHAUSTED
    assert waiting.parts.idle


@in_virtual_time
async def test_a_delivery_cancelled_in_line_is_unsettled_and_leaves_no_place_behind() -> None:
    waiting = Waiting()
    delivering = await waiting.wait()
    delivering.cancel()
    with pytest.raises(asyncio.CancelledError):
        await delivering
    waiting.have_its_turn()
    assert make_delivery() not in waiting.parts.finished
    assert waiting.parts.queues == FakeQueues()
    assert waiting.parts.idle


class Hanging(FakeSender):
    """Answers nobody but `quick`."""

    async def send(self, request: object) -> Response:
        if "quick" not in str(request):
            await asyncio.sleep(3600)
        return await super().send(request)  # type: ignore[arg-type]


@in_virtual_time
async def test_the_request_of_a_deleted_webhook_is_cut_and_nobody_is_blamed() -> None:
    parts = Parts(sender=Hanging())
    delivering = asyncio.create_task(parts.deliver())
    await settle()
    assert not parts.idle
    parts.deliverer.attempter.in_flight.cut("hook-1")
    await delivering
    assert delivering.cancelling() == 0
    assert parts.idle
    assert parts.queues == FakeQueues()
    assert (parts.log.rows, parts.health.failures) == ([], {})
    assert counted(parts.metrics, "deliveries_total", outcome="cancelled") == 1
    assert make_delivery() in parts.finished


@in_virtual_time
async def test_other_deliveries_of_the_message_are_not_cut() -> None:
    parts = Parts(sender=Hanging())
    quick = make_webhook("quick", uri="https://quick.example/")
    owed = [
        (make_delivery(delivery_id=webhook.webhook_id, webhook_id=webhook.webhook_id), webhook)
        for webhook in (make_webhook("gone"), make_webhook("stays"), quick)
    ]
    delivering = asyncio.create_task(parts.deliver(owed))
    await settle()
    parts.deliverer.attempter.in_flight.cut("gone")
    await settle()
    assert not delivering.done()
    assert counted(parts.metrics, "deliveries_total", outcome="cancelled") == 1
    assert counted(parts.metrics, "deliveries_total", outcome="delivered") == 1
    parts.deliverer.attempter.in_flight.cut("stays")
    await delivering
    assert parts.idle


@in_virtual_time
async def test_a_delivery_that_is_cut_and_stopped_at_once_stays_unsettled() -> None:
    parts = Parts(sender=Hanging())
    delivering = asyncio.create_task(parts.deliver())
    await settle()
    parts.deliverer.attempter.in_flight.cut("hook-1")
    delivering.cancel()
    with pytest.raises(asyncio.CancelledError):
        await delivering
    assert make_delivery() not in parts.finished
    assert counted(parts.metrics, "deliveries_total", outcome="cancelled") == 0
    assert parts.idle
