import asyncio

import pytest

from service.domain.breaker import BreakerPolicy
from service.domain.delivery import (
    DeadLetterReason,
    Delivery,
    Outcome,
    PastAttempt,
    Response,
    delivery_id_of,
)
from service.domain.errors import NothingSent
from service.domain.webhook import Webhook
from service.pipeline.limits.endpoints import SILENT_AFTER_S
from service.pipeline.limits.places import Places
from tests.builders import (
    NOW,
    make_delivery,
    make_endpoints,
    make_past,
    make_places,
    make_webhook,
)
from tests.fakes import FakeQueues, FakeSender, counted
from tests.unit.pipeline.parts import Parts
from tests.virtual_time import in_virtual_time, now, settle

GATEWAY_DOWN = Response(Outcome.BAD_STATUS, 502, detail="bad gateway")
GONE = Response(Outcome.GONE, 410)


def answering(*responses: Response | Exception) -> Parts:
    return Parts(sender=FakeSender(list(responses)))


async def deliver(
    parts: Parts, delivery: Delivery | None = None, webhook: Webhook | None = None
) -> None:
    await parts.deliver([(delivery or make_delivery(), webhook or make_webhook())])


def one_at_a_time(policy: BreakerPolicy | None = None) -> Places:
    return make_places(endpoints=make_endpoints(1, policy))


def delivery_to(webhook: Webhook) -> Delivery:
    return make_delivery(
        delivery_id=delivery_id_of("e" * 32, webhook.webhook_id),
        webhook_id=webhook.webhook_id,
        account_id=webhook.account_id,
    )


def deliveries(parts: Parts) -> dict[str, float | None]:
    return {
        outcome: counted(parts.metrics, "deliveries_total", outcome=outcome)
        for outcome in ("delivered", "retried", "dead_lettered", "cancelled")
    }


@in_virtual_time
async def test_a_delivery_that_is_taken_is_settled() -> None:
    parts = Parts()
    await deliver(parts)
    assert len(parts.sender.sent) == 1
    assert parts.queues == FakeQueues()
    assert make_delivery() in parts.finished
    assert deliveries(parts) == {
        "delivered": 1,
        "retried": 0,
        "dead_lettered": 0,
        "cancelled": 0,
    }
    assert counted(parts.metrics, "attempts_total", outcome="succeeded") == 1
    assert counted(parts.metrics, "event_to_delivery_seconds_count") == 1


@in_virtual_time
async def test_a_failed_attempt_travels_with_the_delivery_to_a_tier() -> None:
    parts = answering(GATEWAY_DOWN)
    await deliver(parts, make_delivery(past=(make_past(),), deferrals=4))
    [(later, delay_ms)] = parts.queues.retried
    assert delay_ms == 5000
    assert later.delivery_id == make_delivery().delivery_id
    assert later.payload == make_delivery().payload
    assert later.deferrals == 0
    assert later.past[0] == make_past()
    [newest] = later.past[1:]
    assert newest == PastAttempt(2, NOW, newest.duration_s, Outcome.BAD_STATUS, 502, "bad gateway")
    assert deliveries(parts)["retried"] == 1
    assert counted(parts.metrics, "event_to_delivery_seconds_count") == 0


@in_virtual_time
async def test_the_attempt_number_is_sent_along() -> None:
    parts = Parts()
    await deliver(parts, make_delivery(past=(make_past(1), make_past(2))))
    assert parts.sender.headers[0]["X-Switchhook-Attempt"] == "3"


@in_virtual_time
async def test_a_delivery_is_retried_as_often_as_its_webhook_allows_then_buried() -> None:
    parts = answering(GATEWAY_DOWN)
    delivery = make_delivery()
    for delay_ms in (1000, 5000):
        await deliver(parts, delivery)
        delivery, chosen_ms = parts.queues.retried.pop()
        assert chosen_ms == delay_ms

    await deliver(parts, delivery)

    assert parts.queues.retried == []
    [letter] = parts.queues.dead_lettered
    assert letter.reason is DeadLetterReason.EXHAUSTED
    assert letter.uri == make_webhook().uri
    assert letter.died_at == NOW
    assert [past.attempt for past in letter.delivery.past] == [1, 2, 3]
    assert [row.attempt for row in parts.log.rows] == [1, 2, 3]
    assert deliveries(parts)["dead_lettered"] == 1
    assert counted(parts.metrics, "dead_letters_total", reason="exhausted") == 1


@pytest.mark.parametrize(
    ("outcome", "reason"),
    [
        (Outcome.GONE, DeadLetterReason.GONE),
        (Outcome.EGRESS_REFUSED, DeadLetterReason.EGRESS_REFUSED),
        (Outcome.INVALID_REQUEST, DeadLetterReason.INVALID_REQUEST),
    ],
)
@in_virtual_time
async def test_what_no_retry_can_mend_is_buried_with_its_only_attempt(
    outcome: Outcome, reason: DeadLetterReason
) -> None:
    parts = answering(Response(outcome))
    await deliver(parts)
    [letter] = parts.queues.dead_lettered
    assert letter.reason is reason
    assert [past.outcome for past in letter.delivery.past] == [outcome]
    assert parts.queues.retried == []


@in_virtual_time
async def test_retry_after_is_honoured() -> None:
    parts = answering(Response(Outcome.THROTTLED, 429, retry_after_s=100.0))
    await deliver(parts)
    assert [delay_ms for _, delay_ms in parts.queues.retried] == [120_000]


@in_virtual_time
async def test_an_invalid_uri_is_recorded_and_buried_without_a_request() -> None:
    parts = Parts()
    await deliver(parts, webhook=make_webhook(uri="ftp://hooks.example.net/"))
    assert parts.sender.sent == []
    assert parts.queues.retried == []
    [letter] = parts.queues.dead_lettered
    assert letter.reason is DeadLetterReason.INVALID_REQUEST
    [row] = parts.log.rows
    assert row.attempt == 1
    assert row.request is None
    assert row.response.outcome is Outcome.INVALID_REQUEST
    assert row.response.detail == "the scheme must be http or https, not 'ftp'"
    assert letter.delivery.past == (row.as_past(),)
    assert counted(parts.metrics, "attempts_total", outcome="invalid_request") == 1


@in_virtual_time
async def test_a_bug_buries_the_delivery_and_harms_nobody_else() -> None:
    parts = answering(RuntimeError("a bug"), Response(Outcome.SUCCEEDED, 200))
    await deliver(parts)
    [letter] = parts.queues.dead_lettered
    assert letter.reason is DeadLetterReason.BUG
    assert letter.delivery == make_delivery()
    assert letter.uri == make_webhook().uri
    assert make_delivery() in parts.finished

    await deliver(parts, make_delivery(delivery_id="0" * 32))
    assert deliveries(parts)["delivered"] == 1


@in_virtual_time
async def test_a_bug_gives_the_place_back() -> None:
    parts = Parts(sender=FakeSender([RuntimeError("a bug")]), places=one_at_a_time())
    await deliver(parts)
    assert parts.idle
    parts.hold()


@in_virtual_time
async def test_a_silent_endpoint_defers_a_delivery_for_longer_each_time() -> None:
    parts = Parts(places=one_at_a_time())
    parts.hold()
    await asyncio.sleep(2 * SILENT_AFTER_S)
    delivery = make_delivery()
    for deferrals, delay_ms in ((1, 1000), (2, 5000), (3, 30_000)):
        await deliver(parts, delivery)
        delivery, chosen_ms = parts.queues.retried[-1]
        assert (delivery.deferrals, chosen_ms) == (deferrals, delay_ms)
    assert delivery.past == ()
    assert parts.sender.sent == []
    assert parts.log.rows == []
    assert counted(parts.metrics, "deferrals_total", reason="saturated") == 3
    assert deliveries(parts)["retried"] == 0


@in_virtual_time
async def test_a_delivery_for_a_broken_endpoint_is_put_off_for_its_whole_pause() -> None:
    policy = BreakerPolicy(failure_count=1, open_s=20.0)
    parts = Parts(sender=FakeSender([GATEWAY_DOWN]), places=one_at_a_time(policy))
    await deliver(parts)
    await deliver(parts, make_delivery(delivery_id="another"))
    assert [delay_ms for _, delay_ms in parts.queues.retried] == [1000, 24_000]
    assert counted(parts.metrics, "deferrals_total", reason="broken") == 1


@in_virtual_time
async def test_what_our_own_machine_cannot_send_is_put_off_and_nobody_is_blamed() -> None:
    parts = answering(NothingSent("too many open files"))
    await deliver(parts)
    ((delivery, _),) = parts.queues.retried
    assert (delivery.deferrals, delivery.past) == (1, ())
    assert parts.log.rows == []
    assert parts.health.failures == {}
    assert counted(parts.metrics, "deferrals_total", reason="nothing_sent") == 1
    assert parts.idle


@in_virtual_time
async def test_what_is_not_confirmed_is_put_into_the_queue_again() -> None:
    parts = answering(GATEWAY_DOWN)
    parts.queues.failures = 2
    await deliver(parts)
    assert len(parts.queues.retried) == 1
    assert round(now(), 6) == 0.6
    assert len(parts.sender.sent) == 1


@in_virtual_time
async def test_a_delivery_is_not_finished_before_the_queue_has_confirmed_it() -> None:
    parts = answering(GONE)
    parts.queues.failures = 1
    delivering = asyncio.create_task(deliver(parts))
    await settle()
    assert make_delivery() not in parts.finished
    await delivering
    assert make_delivery() in parts.finished


@in_virtual_time
async def test_a_lanes_share_of_the_pool_bounds_its_requests() -> None:
    inside = most = 0

    class Counting(FakeSender):
        async def send(self, request: object) -> Response:  # noqa: ARG002
            nonlocal inside, most
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0.1)
            inside -= 1
            return Response(Outcome.SUCCEEDED, 204)

    parts = Parts(sender=Counting(), places=make_places(2, 1.0), remembers=True)
    webhooks = [make_webhook(f"hook-{n}", account_id=f"account-{n}") for n in range(6)]
    for webhook in webhooks:
        parts.subscribe(webhook)
    await asyncio.gather(*(deliver(parts, delivery_to(webhook), webhook) for webhook in webhooks))
    assert most == 2
    assert round(now(), 6) == 0.3


@in_virtual_time
async def test_cancelling_leaves_the_delivery_unsettled_and_the_endpoint_free() -> None:
    class Hanging(FakeSender):
        async def send(self, request: object) -> Response:  # noqa: ARG002
            await asyncio.sleep(3600)
            raise AssertionError

    parts = Parts(sender=Hanging(), places=one_at_a_time())
    delivering = asyncio.create_task(deliver(parts))
    await settle()
    delivering.cancel()
    with pytest.raises(asyncio.CancelledError):
        await delivering
    assert make_delivery() not in parts.finished
    assert parts.queues == FakeQueues()
    assert parts.idle
    parts.hold()
