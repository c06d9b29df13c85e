from dataclasses import replace

import pytest

from service.domain.delivery import DeadLetterReason, Delivery, Outcome, Response
from service.domain.freshness import Expiry, FreshnessPolicy
from service.pipeline.envelope import seal
from service.pipeline.progress import Progress
from tests.builders import NOW, make_delivery, make_past, make_webhook
from tests.fakes import FakeQueues, counted, incoming
from tests.unit.pipeline.parts import Parts
from tests.virtual_time import in_virtual_time

OLD = NOW - 600
LIMITED = make_webhook(retries=5)


async def come_back(parts: Parts, *deliveries: Delivery) -> None:
    """Have deliveries come back from a tier."""
    await parts.retries(incoming(seal(deliveries)), Progress())
    await parts.attempt_writer.flush()


def subscribed() -> Parts:
    parts = Parts()
    parts.subscribe(LIMITED)
    return parts


@pytest.mark.parametrize("waited", [{"past": (make_past(),)}, {"deferrals": 3}])
@in_virtual_time
async def test_a_delivery_that_comes_back_too_late_is_not_sent_but_a_dead_letter(
    waited: dict[str, object],
) -> None:
    parts = subscribed()
    await come_back(parts, make_delivery(received_at=OLD, **waited))
    assert parts.sender.sent == []
    [letter] = parts.queues.dead_lettered
    assert letter.reason is DeadLetterReason.EXPIRED
    last = letter.delivery.past[-1]
    assert (last.outcome, last.detail) == (Outcome.EXPIRED, "600.0 s old; the limit is 120 s")
    [row] = parts.log.rows
    assert (row.response.outcome, row.request) == (Outcome.EXPIRED, None)
    assert row.expiry == Expiry(600.0, 120.0)
    assert counted(parts.metrics, "attempts_total", outcome="expired") == 1
    assert counted(parts.metrics, "dead_letters_total", reason="expired") == 1
    assert counted(parts.metrics, "deliveries_total", outcome="dead_lettered") == 1
    assert counted(parts.metrics, "attempt_duration_seconds_count") == 0
    assert letter.delivery not in parts.finished
    assert make_delivery(received_at=OLD, **waited) in parts.finished
    assert parts.idle


@in_virtual_time
async def test_the_expired_deliveries_of_a_message_leave_the_others_alone() -> None:
    patient = make_webhook("patient", max_age_s=0.0)
    parts = Parts()
    parts.subscribe(LIMITED, patient)
    old = make_delivery(received_at=OLD, deferrals=1)
    await come_back(parts, old, replace(old, delivery_id="other", webhook_id="patient"))
    assert [request.headers["X-Hook-ID"] for request in parts.sender.sent] == ["patient"]
    assert [letter.delivery.webhook_id for letter in parts.queues.dead_lettered] == ["hook-1"]


@in_virtual_time
async def test_the_end_of_a_call_is_sent_however_late_it_is() -> None:
    parts = subscribed()
    ended = make_delivery(
        received_at=OLD, deferrals=1, hook="channel_destroy", event_name="CHANNEL_DESTROY"
    )
    await come_back(parts, ended)
    assert len(parts.sender.sent) == 1
    assert parts.queues == FakeQueues()


@in_virtual_time
async def test_an_event_of_a_hook_that_is_no_longer_known_is_sent() -> None:
    parts = subscribed()
    await come_back(parts, make_delivery(received_at=OLD, deferrals=1, hook="gone_from_catalogue"))
    assert len(parts.sender.sent) == 1


@in_virtual_time
async def test_an_expired_delivery_does_not_count_against_its_webhook() -> None:
    parts = subscribed()
    await come_back(parts, make_delivery(received_at=OLD, deferrals=1))
    await parts.disabler.flush()
    assert parts.health.told == []


@in_virtual_time
async def test_an_expired_delivery_does_not_go_to_the_fallback() -> None:
    parts = Parts()
    parts.subscribe(make_webhook(fallback_uri="https://fallback.example/"))
    await come_back(parts, make_delivery(received_at=OLD, past=(make_past(),)))
    assert parts.sender.sent == []
    assert len(parts.queues.dead_lettered) == 1


@in_virtual_time
async def test_a_replay_of_an_old_event_is_sent_and_retried() -> None:
    parts = subscribed()
    parts.sender.responses = [Response(Outcome.TIMED_OUT)]
    await come_back(parts, make_delivery(received_at=OLD, replay_id="r", replayed_at=NOW - 300))
    [(later, _)] = parts.queues.retried
    assert (later.replayed_at, later.received_at) == (NOW - 300, OLD)
    await come_back(parts, replace(later, max_age_s=0.0))
    assert len(parts.sender.sent) == 2
    await come_back(parts, later)
    assert len(parts.sender.sent) == 2


@in_virtual_time
async def test_an_event_that_arrives_old_expires_if_the_switchs_clock_is_trusted() -> None:
    parts = Parts()
    trusting = replace(parts.deliverer, freshness=FreshnessPolicy(clock_skew_s=3600.0))
    for deliverer, sent in ((trusting, 0), (parts.deliverer, 1)):
        pairs = [(make_delivery(occurred_at=OLD), LIMITED)]
        await deliverer.deliver(iter(pairs), parts.shared())
        assert len(parts.sender.sent) == sent
    assert len(parts.queues.dead_lettered) == 1


@in_virtual_time
async def test_a_request_tells_the_two_times_of_its_event_in_every_attempt() -> None:
    parts = subscribed()
    parts.sender.responses = [Response(Outcome.TIMED_OUT), Response(Outcome.SUCCEEDED)]
    await come_back(
        parts, make_delivery(received_at=NOW + 0.0625, occurred_at=NOW - 1, deferrals=1)
    )
    [(later, _)] = parts.queues.retried
    await come_back(parts, later)
    first, second = parts.sender.sent
    for request in (first, second):
        assert request.headers["X-Switchhook-Occurred-At"] == "2023-11-14T22:13:19.000Z"
        assert request.headers["X-Switchhook-Received-At"] == "2023-11-14T22:13:20.062Z"
