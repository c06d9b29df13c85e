"""Events for very many webhooks: few tasks, few messages, and turns for everybody else."""

import asyncio
from collections.abc import Iterator, Sequence
from typing import Any

from service.domain.delivery import DeadLetterReason, Delivery, Response
from service.domain.retry import RetryPolicy
from service.domain.webhook import Webhook
from service.pipeline.deliver import AT_ONCE
from tests.builders import make_delivery, make_places, make_webhook
from tests.fakes import FakeQueues, FakeSender, counted
from tests.unit.pipeline.parts import Parts
from tests.virtual_time import in_virtual_time, settle

MANY = 1000
PLACES = 90
SHARE = PLACES // 3
"""What one account may hold of them."""


class Hanging(FakeSender):
    async def send(self, request: object) -> Response:
        self.sent.append(request)  # type: ignore[arg-type]
        await asyncio.sleep(3600)
        raise AssertionError


def owed(
    account_id: str, count: int = MANY, event_id: str = "event", deferrals: int = 0
) -> list[tuple[Delivery, Webhook]]:
    """Return deliveries of one event to webhooks of one account, each with its own endpoint."""
    pairs = []
    for number in range(count):
        webhook_id = f"{account_id}-{number}"
        uri = f"https://{webhook_id}.example/"
        delivery = make_delivery(
            delivery_id=f"{event_id}-{webhook_id}",
            event_id=event_id,
            webhook_id=webhook_id,
            account_id=account_id,
            deferrals=deferrals,
        )
        pairs.append((delivery, make_webhook(webhook_id, account_id=account_id, uri=uri)))
    return pairs


def knowing(*accounts: str, **changes: Any) -> Parts:
    """Return parts that remember the webhooks of these accounts as they are."""
    parts = Parts(remembers=True, **changes)
    for account_id in accounts:
        parts.subscribe(*(webhook for _, webhook in owed(account_id)))
    return parts


@in_virtual_time
async def test_what_a_thousand_endpoints_cannot_take_is_put_off_in_few_messages() -> None:
    parts = knowing("hog", sender=Hanging(), places=make_places(PLACES))
    delivering = asyncio.create_task(parts.deliver(owed("hog")))
    await asyncio.sleep(0.5)
    assert len(parts.queues.retried) == MANY - SHARE
    assert len(parts.sender.sent) == SHARE
    assert len(parts.queues.batches) <= MANY / AT_ONCE + 1
    assert {delay_ms for _, delay_ms in parts.queues.retried} == {1000}
    assert {delivery.deferrals for delivery, _ in parts.queues.retried} == {1}
    delivering.cancel()
    await asyncio.wait([delivering])
    assert parts.idle


@in_virtual_time
async def test_what_is_put_off_has_no_task_of_its_own() -> None:
    queues = FakeQueues(failures=10_000)
    parts = knowing("hog", sender=Hanging(), places=make_places(PLACES), queues=queues)
    delivering = asyncio.create_task(parts.deliver(owed("hog")))
    await asyncio.sleep(0.5)
    assert counted(parts.metrics, "deferrals_total", reason="saturated") == MANY - SHARE
    # Each part has one, one that waits for its message, and one that publishes.
    assert len(asyncio.all_tasks()) <= SHARE + 3 * (MANY / AT_ONCE + 1) + 2
    delivering.cancel()
    await asyncio.wait([delivering])


@in_virtual_time
async def test_an_event_for_many_lets_other_events_have_their_turns() -> None:
    parts = knowing("one", "two", places=make_places(10_000))
    many = [
        asyncio.create_task(parts.deliver(owed(name, event_id=name))) for name in ("one", "two")
    ]
    await asyncio.sleep(0)
    small = asyncio.create_task(parts.deliver(owed("small", 1)))
    await asyncio.gather(*many, small)
    told = [request.uri for request in parts.sender.sent]
    assert len(told) == 2 * MANY + 1
    assert told.index("https://small-0.example/") <= 2 * AT_ONCE
    # The two take turns with each other, too.
    of_two = [number for number, uri in enumerate(told) if uri.startswith("https://two-")]
    assert of_two[0] <= 2 * AT_ONCE
    assert of_two[MANY // 2] <= MANY + 2 * AT_ONCE


@in_virtual_time
async def test_deliveries_of_an_event_for_many_are_built_as_their_turns_come() -> None:
    parts = knowing("account", places=make_places(10_000))
    taken = 0

    def counting() -> Iterator[tuple[Delivery, Webhook]]:
        nonlocal taken
        for pair in owed("account"):
            taken += 1
            yield pair

    delivering = asyncio.create_task(parts.deliverer.deliver(counting(), parts.shared()))
    await asyncio.sleep(0)
    assert taken <= AT_ONCE
    await delivering
    assert taken == MANY


@in_virtual_time
async def test_those_put_off_are_finished_once_the_queue_has_confirmed_them() -> None:
    parts = Parts(sender=Hanging(), places=make_places(1), queues=FakeQueues(failures=1))
    parts.hold()
    pairs = owed("account", 3)
    delivering = asyncio.create_task(parts.deliver(pairs))
    await settle()
    assert not any(delivery in parts.finished for delivery, _ in pairs)
    await delivering
    assert all(delivery in parts.finished for delivery, _ in pairs)
    assert parts.queues.batches == [3]


@in_virtual_time
async def test_what_was_put_off_too_often_is_buried_and_the_rest_is_put_off() -> None:
    parts = Parts(places=make_places(1), policy=RetryPolicy(max_deferrals=2))
    parts.hold()
    await parts.deliver([*owed("young", 2, deferrals=1), *owed("old", 2, deferrals=2)])
    assert [delivery.account_id for delivery, _ in parts.queues.retried] == 2 * ["young"]
    assert {letter.reason for letter in parts.queues.dead_lettered} == {
        DeadLetterReason.DEFERRED_TOO_OFTEN
    }
    assert [letter.delivery.account_id for letter in parts.queues.dead_lettered] == 2 * ["old"]


@in_virtual_time
async def test_a_message_that_is_stopped_does_not_stop_what_another_one_put_off_with_it() -> None:
    parts = Parts(places=make_places(1), queues=FakeQueues(failures=1))
    parts.hold()
    stopped = asyncio.create_task(parts.deliver(owed("first", 2)))
    staying = asyncio.create_task(parts.deliver(owed("second", 2)))
    await settle()
    stopped.cancel()
    await staying
    assert stopped.cancelled()
    assert parts.queues.batches == [4]
    assert not any(delivery in parts.finished for delivery, _ in owed("first", 2))


class Stumbling(FakeQueues):
    async def retry(self, deliveries: Sequence[Delivery], delay_ms: int) -> None:
        raise ValueError(f"a bug: {len(deliveries)} deliveries, {delay_ms} ms")


@in_virtual_time
async def test_a_bug_while_putting_off_buries_those_deliveries_and_harms_no_others() -> None:
    parts = Parts(queues=Stumbling(), places=make_places(6))
    pairs = owed("account", 4)
    await parts.deliver(pairs)
    assert counted(parts.metrics, "deliveries_total", outcome="delivered") == 2
    assert [letter.delivery for letter in parts.queues.dead_lettered] == [pairs[2][0], pairs[3][0]]
    assert {letter.reason for letter in parts.queues.dead_lettered} == {DeadLetterReason.BUG}
    assert all(delivery in parts.finished for delivery, _ in pairs)


@in_virtual_time
async def test_webhooks_deleted_while_an_event_for_many_begins_are_sent_nothing() -> None:
    parts = knowing("account", places=make_places(10_000))
    delivering = asyncio.create_task(parts.deliver(owed("account")))
    await asyncio.sleep(0)
    parts.store.accounts.clear()
    parts.store.webhooks.clear()
    await delivering
    assert len(parts.sender.sent) <= AT_ONCE
    cancelled = counted(parts.metrics, "deliveries_total", outcome="cancelled")
    assert cancelled == MANY - len(parts.sender.sent)
