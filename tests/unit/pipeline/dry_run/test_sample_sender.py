import orjson

from service.domain.breaker import BreakerPolicy
from service.domain.delivery import Attempt, DeferReason, Outcome, Response
from service.pipeline.dry_run.sample_sender import SampleSender
from tests.builders import NOW, make_account, make_endpoints, make_places, make_webhook
from tests.dialects import DIALECTS, HOOKS
from tests.unit.pipeline.parts import Parts
from tests.virtual_time import in_virtual_time

OFFERED = {hook.hook_id: hook for hook in HOOKS}
JSON_WEBHOOK = make_webhook(hook="channel_destroy", retries=3)


def sample_sender_of(parts: Parts) -> SampleSender:
    attempter = parts.deliverer.attempter
    return SampleSender(attempter, parts.attempt_writer, DIALECTS, parts.places, clock=lambda: NOW)


@in_virtual_time
async def test_a_test_sends_the_hooks_sample_marked_as_one() -> None:
    parts = Parts()
    attempt = await sample_sender_of(parts).send(
        JSON_WEBHOOK, OFFERED["channel_destroy"], make_account()
    )
    assert isinstance(attempt, Attempt)
    assert attempt.test
    (request,) = parts.sender.sent
    assert request.headers["X-Switchhook-Test"] == "true"
    assert request.headers["X-Switchhook-Attempt"] == "1"
    assert request.in_full, "its owner wants to read the whole answer"
    payload = orjson.loads(attempt.delivery.payload)
    assert payload["hook_event"] == "channel_destroy"
    assert payload["call_id"].startswith("test-")


@in_virtual_time
async def test_a_test_that_fails_is_recorded_and_nothing_else_comes_of_it() -> None:
    parts = Parts()
    parts.sender.responses = [Response(Outcome.GONE, 410)]
    attempt = await sample_sender_of(parts).send(JSON_WEBHOOK, OFFERED["sms"], make_account())
    await parts.attempt_writer.flush()
    assert parts.log.rows == [attempt]
    assert parts.queues.retried == []
    assert parts.queues.dead_lettered == []
    assert parts.health.failures == {}
    assert parts.health.disabled == {}


@in_virtual_time
async def test_two_tests_are_two_deliveries() -> None:
    parts = Parts()
    sample_sender, hook = sample_sender_of(parts), OFFERED["sms"]
    made = [await sample_sender.send(JSON_WEBHOOK, hook, make_account()) for _ in range(2)]
    ids = {attempt.delivery.delivery_id for attempt in made if isinstance(attempt, Attempt)}
    assert len(ids) == 2


@in_virtual_time
async def test_an_endpoint_that_is_left_alone_is_not_tested() -> None:
    parts = Parts(places=make_places(endpoints=make_endpoints(10, BreakerPolicy(failure_count=2))))
    parts.sender.responses = [Response(Outcome.REFUSED)]
    sample_sender, hook = sample_sender_of(parts), OFFERED["sms"]
    for _ in range(2):
        await sample_sender.send(JSON_WEBHOOK, hook, make_account())
    assert await sample_sender.send(JSON_WEBHOOK, hook, make_account()) is DeferReason.BROKEN
    assert len(parts.sender.sent) == 2
    await parts.attempt_writer.flush()
    assert len(parts.log.rows) == 2
