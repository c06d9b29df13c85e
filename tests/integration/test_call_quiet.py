"""When a call that is over is summed up, on a real MongoDB and by a clock of the test."""

from collections.abc import Iterator

import pytest

from service.adapters.mongo.conversations import MongoConversations
from service.adapters.mongo.store import Store, open_database
from service.dev.servers import MongoServer
from service.dialects.bus_message import Occasion
from service.dialects.kazoo.samples import channel
from service.domain.call_policy import CallPolicy
from service.observability.metrics import Metrics
from service.pipeline.calls.follow import CallFollower
from service.pipeline.calls.notes import CallNotes
from service.pipeline.progress import Progress
from service.pipeline.recovery.availability import Availability
from service.text.gregorian import GREGORIAN_OFFSET_S
from tests.builders import ACCOUNT, NOW, make_event
from tests.conftest import Documents
from tests.dialects import DIALECTS

POLICY = CallPolicy(settle_s=3.0, latest_summary_s=60.0)
OUTAGE_S = 600.0


class Stage:
    """Follows events of one leg; the store tells when the summary is due."""

    def __init__(self, store: Store, metrics: Metrics) -> None:
        self.now = NOW
        availability = Availability(metrics)
        self.conversations = MongoConversations(store, POLICY.kept_s)
        self._follower = CallFollower(
            DIALECTS,
            self.conversations,
            CallNotes(self.conversations, availability),
            availability,
            POLICY,
            metrics,
            clock=lambda: self.now,
        )
        self._count = 0

    async def sees(self, name: str, age_s: float) -> float:
        """Follow an event that happened so long ago; return when its call is looked at next."""
        self._count += 1
        body = channel(name, Occasion(ACCOUNT, "leg", self.now - age_s, "message")).body
        event = make_event(
            event_id=f"{self._count:032}",
            name=name,
            call_id="leg",
            message={**body, "Timestamp": int(self.now - age_s) + GREGORIAN_OFFSET_S},
            occurred_at=self.now - age_s,
        )
        followed = await self._follower.follow(event, ACCOUNT, [], self.now, Progress())
        assert followed is not None
        stored = await self.conversations.one(followed.conversation.key)
        assert stored is not None
        assert stored.look_at is not None
        return stored.look_at


@pytest.fixture
def stage(store: MongoServer, database: Documents, metrics: Metrics) -> Iterator[Stage]:
    made = Store(open_database(store.url, database.name, 5), metrics)
    yield Stage(made, metrics)
    made.close()


@pytest.mark.parametrize("age_s", [0.0, OUTAGE_S])
async def test_a_call_is_summed_up_after_quiet_however_old_its_events_are(
    age_s: float, stage: Stage
) -> None:
    await stage.sees("CHANNEL_CREATE", age_s)
    assert await stage.sees("CHANNEL_DESTROY", age_s) == stage.now + POLICY.settle_s


@pytest.mark.parametrize("age_s", [0.0, OUTAGE_S])
async def test_the_summary_waits_for_quiet_no_longer_than_the_limit_after_the_end_was_seen(
    age_s: float, stage: Stage
) -> None:
    await stage.sees("CHANNEL_CREATE", age_s)
    await stage.sees("CHANNEL_DESTROY", age_s)
    latest = stage.now + POLICY.latest_summary_s
    for _ in range(29):
        stage.now += 2
        due_at = await stage.sees("CHANNEL_HOLD", age_s)
        assert due_at == min(stage.now + POLICY.settle_s, latest)
    stage.now = latest + 1
    assert await stage.sees("CHANNEL_HOLD", age_s) == stage.now
