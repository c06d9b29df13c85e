"""The pipeline put together on fakes, with time and jitter that stand still."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import cast

import orjson

from service.dialects.dialect import Dialect, Dialects
from service.domain.delivery import Delivery
from service.domain.disable import DisablePolicy
from service.domain.endpoint import endpoint_of
from service.domain.retry import RetryPolicy
from service.domain.webhook import Webhook
from service.observability.metrics import Metrics
from service.observability.tracing import PassingOn
from service.pipeline.accounts.current import CurrentWebhooks
from service.pipeline.accounts.managed import ManagedWebhooks
from service.pipeline.attempt import Attempter
from service.pipeline.batching import Batches
from service.pipeline.calls.follow import CallFollower
from service.pipeline.calls.order import Ordering
from service.pipeline.coalescing import Bursts
from service.pipeline.dead_letters import DeadLetterWork
from service.pipeline.deferrals import Deferrals
from service.pipeline.deliver import Deliverer, Shared
from service.pipeline.events import EventWork
from service.pipeline.ingest import Ingest
from service.pipeline.limits.lines import Place
from service.pipeline.limits.places import Places
from service.pipeline.limits.window import Window
from service.pipeline.outcomes.attempt_writer import AttemptWriter
from service.pipeline.outcomes.disable import Disabler
from service.pipeline.outcomes.report import Reporter
from service.pipeline.progress import Progress
from service.pipeline.recovery.availability import Availability
from service.pipeline.recovery.finished import FinishedDeliveries
from service.pipeline.request.access_tokens import AccessTokens
from service.pipeline.retries import RetryWork
from service.pipeline.steps import Steps
from tests.builders import NOW, make_account, make_delivery, make_places, make_webhook
from tests.dialects import DIALECTS, content_of, in_cluster
from tests.fakes import (
    FakeAnnouncer,
    FakeDirectory,
    FakeHealth,
    FakeLog,
    FakeProvisions,
    FakeQueues,
    FakeSender,
    FakeStore,
    FakeToldSteps,
    NotedDisables,
    make_metrics,
)


def on_time(delays: tuple[int, int, int]) -> int:
    return delays[1]


@dataclass
class Parts:
    """Everything a lane's work consists of; a test looks into the fakes afterwards."""

    store: FakeStore = field(default_factory=FakeStore)
    sender: FakeSender = field(default_factory=FakeSender)
    queues: FakeQueues = field(default_factory=FakeQueues)
    log: FakeLog = field(default_factory=FakeLog)
    metrics: Metrics = field(default_factory=make_metrics)
    health: FakeHealth = field(default_factory=FakeHealth)
    announcer: FakeAnnouncer = field(default_factory=FakeAnnouncer)
    finished: FinishedDeliveries = field(default_factory=FinishedDeliveries)
    told: FakeToldSteps = field(default_factory=FakeToldSteps)
    provisions: FakeProvisions = field(default_factory=FakeProvisions)
    places: Places = field(default_factory=make_places)
    policy: RetryPolicy = field(default_factory=RetryPolicy)
    remembers: bool = False
    """Whether the directory knows all accounts without asking the store."""
    cluster_id: str | None = None
    further: tuple[Dialect, ...] = ()
    """Dialects beside Kazoo's."""

    def __post_init__(self) -> None:
        self.availability = Availability(self.metrics)
        self.directory = FakeDirectory(self.store, remembers=self.remembers)
        self.attempt_writer = AttemptWriter(self.log, self.metrics, 100, record_successes=True)
        self.disabler = Disabler(
            DisablePolicy(),
            3600.0,
            self.directory,
            self.health,
            self.announcer,
            DIALECTS,
            self.metrics,
            NotedDisables(),
            clock=lambda: NOW,
        )
        attempter = Attempter(
            self.sender, AccessTokens(self.sender), PassingOn(), clock=lambda: NOW
        )
        webhooks = CurrentWebhooks(self.directory, self.availability)
        window = Window(10, 100, 100_000)
        self.batches = Batches(attempter, webhooks, self.disabler, window, 60.0, self.metrics)
        self.deliverer = Deliverer(
            attempter=attempter,
            queues=self.queues,
            reporter=Reporter(self.attempt_writer, self.metrics),
            disabler=self.disabler,
            webhooks=webhooks,
            policy=self.policy,
            finished=self.finished,
            metrics=self.metrics,
            availability=self.availability,
            deferrals=Deferrals(self.queues, self.availability),
            batches=self.batches,
            clock=lambda: NOW,
            choose=on_time,
        )

    def subscribe(self, *webhooks: Webhook, tree: tuple[str, ...] = ()) -> None:
        """Store webhooks, all of one account."""
        account_id = webhooks[0].account_id
        account = make_account(*webhooks, account_id=account_id, tree=tree)
        self.store.accounts[account_id] = account
        self.store.webhooks |= {webhook.webhook_id: webhook for webhook in webhooks}

    async def deliver(
        self, owed: Iterable[tuple[Delivery, Webhook]] = (), progress: Progress | None = None
    ) -> None:
        """Deliver what is owed of one event, one delivery to one webhook unless told otherwise."""
        pairs = list(owed) or [(make_delivery(), make_webhook())]
        await self.deliverer.deliver(iter(pairs), self.shared(pairs[0][0], progress))
        await self.attempt_writer.flush()

    def shared(self, delivery: Delivery | None = None, progress: Progress | None = None) -> Shared:
        """Return what deliveries of the same event share."""
        payload = (delivery or make_delivery()).payload
        content = content_of(orjson.loads(payload))
        return Shared(content, self.places, progress or Progress())

    def hold(self, uri: str = make_webhook().uri, account_id: str = "another") -> Place:
        """Take a place at an endpoint, and keep it."""
        place = self.places.enter(account_id, endpoint_of(uri), Progress())
        assert isinstance(place, Place)
        return place

    @property
    def idle(self) -> bool:
        """Whether no place is held, and nothing waits for one."""
        return not list(self.places.holders()) and not list(self.places.endpoints.busy())

    @property
    def dialects(self) -> Dialects:
        return Dialects((in_cluster(self.cluster_id), *self.further))

    @property
    def ingest(self) -> Ingest:
        return Ingest(self.dialects, self.directory)

    @property
    def events(self) -> EventWork:
        return EventWork(
            self.ingest,
            self.directory,
            ManagedWebhooks(self.provisions, self.directory, self.availability),
            Bursts(self.metrics),
            self.deliverer,
            self.finished,
            self.metrics,
            self.availability,
            self.dialects,
            self.places,
            PassingOn(),
            self.steps,
            # No webhook of these tests wants calls to be followed.
            cast("CallFollower", None),
            cast("Ordering", None),
            clock=lambda: NOW,
        )

    @property
    def steps(self) -> Steps:
        return Steps(self.told, self.availability)

    @property
    def retries(self) -> RetryWork:
        return RetryWork(self.deliverer, self.finished, self.dialects, self.places, self.steps)

    @property
    def dead_letter_work(self) -> DeadLetterWork:
        return DeadLetterWork(self.log, self.availability)
