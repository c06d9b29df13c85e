import pytest

from service.domain.delivery import (
    DeadLetterReason,
    Delivery,
    Outcome,
    Response,
)
from tests.builders import (
    make_delivery,
    make_past,
)
from tests.fakes import FakeQueues, counted
from tests.unit.pipeline.test_deliver import answering, deliver, deliveries
from tests.virtual_time import in_virtual_time


@in_virtual_time
async def test_in_the_shadow_a_delivery_is_settled_and_not_called_delivered() -> None:
    parts = answering(Response(Outcome.SHADOWED))
    await deliver(parts)
    assert parts.queues == FakeQueues()
    assert make_delivery() in parts.finished
    assert counted(parts.metrics, "deliveries_total", outcome="shadowed") == 1
    assert deliveries(parts) == dict.fromkeys(deliveries(parts), 0)
    assert counted(parts.metrics, "event_to_delivery_seconds_count") == 0
    assert [row.response.outcome for row in parts.log.rows] == [Outcome.SHADOWED]


@pytest.mark.parametrize(
    "owed",
    [
        make_delivery(past=(make_past(),)),
        make_delivery(deferrals=1),
        make_delivery(replay_id="r"),
    ],
)
@in_virtual_time
async def test_in_the_shadow_what_only_we_would_deliver_becomes_a_dead_letter(
    owed: Delivery,
) -> None:
    parts = answering(Response(Outcome.SHADOWED))
    await deliver(parts, owed)
    [letter] = parts.queues.dead_lettered
    assert letter.reason is DeadLetterReason.SHADOWED
    assert counted(parts.metrics, "deliveries_total", outcome="shadowed") == 0
