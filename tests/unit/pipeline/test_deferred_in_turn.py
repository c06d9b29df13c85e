"""A backlog at an endpoint that answers: its deliveries come back as their turns come."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from service.domain.delivery import Delivery, Outcome, Response
from service.domain.freshness import FreshnessPolicy
from tests.builders import NOW, make_delivery, make_endpoints, make_places, make_webhook
from tests.fakes import FakeQueues, FakeSender
from tests.unit.pipeline.parts import Parts
from tests.unit.pipeline.place_parts import sweeping
from tests.virtual_time import in_virtual_time, now

TAKES_S, AT_A_TIME = 0.5, 10
PER_S = AT_A_TIME / TAKES_S
BACKLOG = 500
LEAST_S = BACKLOG / PER_S


@dataclass
class Tiers(FakeQueues):
    """Queues that give deliveries back after their delay."""

    give_back: Callable[[Delivery], object] = print

    async def retry(self, deliveries: Sequence[Delivery], delay_ms: int) -> None:
        await super().retry(deliveries, delay_ms)
        loop = asyncio.get_running_loop()
        for delivery in deliveries:
            loop.call_later(delay_ms / 1000, self.give_back, delivery)


@dataclass
class Answering(FakeSender):
    """Takes its time for each request; notes when it began."""

    begun: list[float] = field(default_factory=list)

    async def send(self, request: object) -> Response:  # noqa: ARG002
        self.begun.append(now())
        await asyncio.sleep(TAKES_S)
        return Response(Outcome.SUCCEEDED, 200)


async def deliver_backlog(parts: Parts, queues: Tiers) -> None:
    """Deliver a backlog that is read twenty times as fast as the endpoint takes it."""
    never_old = FreshnessPolicy(live_s=0)
    deliverer = replace(parts.deliverer, clock=lambda: NOW + now(), freshness=never_old)
    parts.subscribe(webhook := make_webhook())
    tasks = set()

    def give(delivery: Delivery) -> None:
        pair = iter([(delivery, webhook)])
        tasks.add(asyncio.create_task(deliverer.deliver(pair, parts.shared(delivery))))

    queues.give_back = give
    async with sweeping(parts.places):
        for number in range(BACKLOG):
            name = f"{number:032x}"
            give(make_delivery(delivery_id=name, event_id=name))
            await asyncio.sleep(1 / PER_S / 20)
        await asyncio.sleep(2 * LEAST_S)
    assert not [task for task in tasks if task.exception()]


@in_virtual_time
async def test_a_backlog_is_delivered_as_fast_as_its_endpoint_takes_it() -> None:
    queues, sender = Tiers(), Answering()
    places = make_places(1000, longest_wait_s=1.0, endpoints=make_endpoints(AT_A_TIME))
    parts = Parts(queues=queues, sender=sender, places=places, remembers=True)
    await deliver_backlog(parts, queues)
    assert len(sender.begun) == BACKLOG
    assert queues.dead_lettered == []
    assert max(sender.begun) <= 1.1 * LEAST_S
    assert len(queues.retried) <= 8 * BACKLOG
