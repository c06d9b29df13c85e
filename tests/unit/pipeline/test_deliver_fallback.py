"""A fallback: asked once, when the webhook's own URI had all of its attempts."""

from service.domain.delivery import DeadLetterReason, Outcome, Response
from tests.builders import make_delivery, make_past, make_webhook
from tests.fakes import FakeQueues, FakeSender
from tests.unit.pipeline.parts import Parts
from tests.virtual_time import in_virtual_time

OWN = "https://primary.example/hook"
FALLBACK = "https://fallback.example/hook"
DOWN = Response(Outcome.BAD_STATUS, 502)
WELL = Response(Outcome.SUCCEEDED, 200)
WEBHOOK = make_webhook(uri=OWN, fallback_uri=FALLBACK, retries=5)


@in_virtual_time
async def test_a_fallback_is_asked_at_once_after_the_last_attempt_at_the_own_uri() -> None:
    parts = Parts(sender=FakeSender([DOWN, WELL]))
    last = make_delivery(past=tuple(make_past(number) for number in range(1, 6)))
    await parts.deliver([(last, WEBHOOK)])
    assert [request.uri for request in parts.sender.sent] == [OWN, FALLBACK]
    reasons = [headers.get("X-Switchhook-Fallback-Reason") for headers in parts.sender.headers]
    assert reasons == [None, "bad_status"]
    assert parts.queues == FakeQueues()
    assert parts.idle


@in_virtual_time
async def test_a_fallback_that_fails_is_not_retried_however_many_retries_are_left() -> None:
    """A delivery may wait for its fallback while the webhook is given more retries."""
    parts = Parts(sender=FakeSender([DOWN]))
    await parts.deliver([(make_delivery(past=(make_past(),), fallback_for="reset"), WEBHOOK)])
    assert [request.uri for request in parts.sender.sent] == [FALLBACK]
    assert parts.queues.retried == []
    [letter] = parts.queues.dead_lettered
    assert (letter.reason, letter.uri) == (DeadLetterReason.EXHAUSTED, FALLBACK)


@in_virtual_time
async def test_only_failures_of_the_own_uri_count_towards_disabling() -> None:
    parts = Parts(sender=FakeSender([DOWN]))
    last = make_delivery(past=tuple(make_past(number) for number in range(1, 6)))
    await parts.deliver([(last, WEBHOOK)])
    assert len(parts.sender.sent) == 2
    await parts.disabler.flush()
    assert {name: len(found) for name, found in parts.health.failures.items()} == {"hook-1": 1}


@in_virtual_time
async def test_a_success_of_the_fallback_does_not_clear_the_own_uris_failures() -> None:
    parts = Parts(sender=FakeSender([WELL]))
    parts.disabler.learn("hook-1")
    await parts.deliver([(make_delivery(past=(make_past(),), fallback_for="reset"), WEBHOOK)])
    await parts.disabler.flush()
    assert parts.health.forgotten == []
