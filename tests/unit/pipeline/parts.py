"""The pipeline put together on fakes, with time and jitter that stand still."""

import asyncio
from dataclasses import dataclass, field

from service.domain.disable import DisablePolicy
from service.domain.retry import RetryPolicy
from service.domain.webhook import Webhook
from service.observability.metrics import Metrics
from service.observability.tracing import PassingOn
from service.pipeline.access_tokens import AccessTokens
from service.pipeline.attempt import Attempter
from service.pipeline.bury import BurialWork
from service.pipeline.deliver import Deliverer
from service.pipeline.disable import Disabler
from service.pipeline.events import EventWork
from service.pipeline.gates import EndpointGates
from service.pipeline.ingest import Ingest
from service.pipeline.memory import Finished
from service.pipeline.patience import Patience
from service.pipeline.record import Recorder
from service.pipeline.retries import RetryWork
from service.sources.kazoo.decode import KazooDecoder
from service.sources.kazoo.policy import KazooPolicy
from tests.builders import NOW, make_account, make_gates
from tests.fakes import (
    FakeAnnouncer,
    FakeDirectory,
    FakeHealth,
    FakeLog,
    FakeQueues,
    FakeSender,
    FakeStore,
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
    finished: Finished = field(default_factory=Finished)
    gates: EndpointGates = field(default_factory=lambda: make_gates(10, 0.0))
    slots: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(100))
    cluster_id: str | None = None

    def __post_init__(self) -> None:
        self.patience = Patience(self.metrics)
        self.directory = FakeDirectory(self.store)
        self.recorder = Recorder(self.log, self.metrics, 100, record_successes=True)
        self.disabler = Disabler(
            DisablePolicy(),
            self.directory,
            self.health,
            self.announcer,
            self.metrics,
            clock=lambda: NOW,
        )
        self.deliverer = Deliverer(
            Attempter(
                self.sender, AccessTokens(self.sender), self.gates, PassingOn(), clock=lambda: NOW
            ),
            self.queues,
            self.recorder,
            self.disabler,
            RetryPolicy(),
            self.finished,
            self.metrics,
            self.patience,
            clock=lambda: NOW,
            choose=on_time,
        )

    def subscribe(self, *webhooks: Webhook, tree: tuple[str, ...] = ()) -> None:
        """Store webhooks, all of one account."""
        account_id = webhooks[0].account_id
        account = make_account(*webhooks, account_id=account_id, tree=tree)
        self.store.accounts[account_id] = account
        self.store.webhooks |= {webhook.webhook_id: webhook for webhook in webhooks}

    @property
    def ingest(self) -> Ingest:
        decoders = {"kazoo": KazooDecoder(KazooPolicy(), 1_000_000)}
        return Ingest(decoders, {"callevt": "kazoo"}, "kazoo", self.directory)

    @property
    def events(self) -> EventWork:
        return EventWork(
            self.ingest,
            self.directory,
            self.deliverer,
            self.finished,
            self.metrics,
            self.patience,
            self.cluster_id,
            self.slots,
            PassingOn(),
            clock=lambda: NOW,
        )

    @property
    def retries(self) -> RetryWork:
        return RetryWork(
            self.directory,
            self.deliverer,
            self.finished,
            self.metrics,
            self.patience,
            self.cluster_id,
            self.slots,
        )

    @property
    def burial(self) -> BurialWork:
        return BurialWork(self.log, self.patience)
