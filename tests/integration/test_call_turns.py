"""Events of a leg that come before its creation keep their own order, on a real MongoDB."""

import asyncio
import time
from collections.abc import Iterator

import pytest

from service.adapters.mongo.conversations import MongoConversations
from service.adapters.mongo.store import Store, open_database
from service.dev.servers import MongoServer
from service.dialects.bus_message import Occasion
from service.dialects.kazoo.samples import channel
from service.domain.call_policy import CallPolicy
from service.domain.webhook import Order
from service.observability.metrics import Metrics
from service.pipeline.calls.follow import LOOK_EVERY_S, CallFollower
from service.pipeline.calls.notes import CallNotes
from service.pipeline.progress import Progress
from service.pipeline.recovery.availability import Availability
from tests.builders import ACCOUNT, make_event, make_webhook
from tests.conftest import Documents
from tests.dialects import DIALECTS

POLICY = CallPolicy(early_ms=2000)
ORDERED = make_webhook(order=Order.CALL_STRICT)
CREATE, ANSWER, BRIDGE, DESTROY = (
    f"CHANNEL_{name}" for name in ("CREATE", "ANSWER", "BRIDGE", "DESTROY")
)


@pytest.fixture
def follower(store: MongoServer, database: Documents, metrics: Metrics) -> Iterator[CallFollower]:
    made = Store(open_database(store.url, database.name, 5), metrics)
    conversations, availability = MongoConversations(made, POLICY.kept_s), Availability(metrics)
    notes = CallNotes(conversations, availability)
    yield CallFollower(DIALECTS, conversations, notes, availability, POLICY, metrics)
    made.close()


async def _order(follower: CallFollower, call_id: str, *arrivals: tuple[float, str]) -> list[str]:
    """Follow events of a leg that arrive so many seconds after now; return them by their places."""

    async def arrive(after_s: float, name: str) -> tuple[int, str]:
        await asyncio.sleep(after_s)
        body = channel(name, Occasion(ACCOUNT, call_id, time.time(), name)).body
        event = make_event(
            event_id=f"{call_id}-{name}", name=name, call_id=call_id, message=dict(body)
        )
        followed = await follower.follow(event, ACCOUNT, [ORDERED], time.time(), Progress())
        assert followed is not None
        return followed.position.sequence, name

    return [name for _, name in sorted(await asyncio.gather(*(arrive(*one) for one in arrivals)))]


async def test_events_that_wait_for_the_creation_are_added_in_the_order_of_their_arrival(
    follower: CallFollower,
) -> None:
    steps = [number * LOOK_EVERY_S / 10 for number in range(1, 10)]
    found = await asyncio.gather(
        *(
            _order(follower, f"leg-{n}", (0, ANSWER), (step, BRIDGE), (0.12, CREATE))
            for n, step in enumerate(steps)
        )
    )
    assert found == [[CREATE, ANSWER, BRIDGE]] * len(steps)


async def test_the_answer_that_an_end_waits_for_comes_before_it(follower: CallFollower) -> None:
    order = await _order(
        follower, "leg", (0, CREATE), (0.05, DESTROY), (0.15, BRIDGE), (0.2, ANSWER)
    )
    assert order == [CREATE, BRIDGE, ANSWER, DESTROY]
