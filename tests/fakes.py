"""The ports, in memory. Each does what it promises, or fails as often as it was told to."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
from prometheus_client import CollectorRegistry

from service.domain.delivery import Attempt, DeadLetter, Delivery, Outcome, Request, Response
from service.domain.disable import HealthReport
from service.domain.errors import BrokerUnavailable, RejectReason, StoreUnavailable
from service.domain.provision import Provision, ScopedWebhook
from service.domain.webhook import Account, Webhook
from service.observability.metrics import Metrics
from service.ports import Incoming
from tests.dialects import HOOKS


def make_metrics() -> Metrics:
    return Metrics(CollectorRegistry(), [(hook.source, hook.hook_id) for hook in HOOKS])


def counted(metrics: Metrics, name: str, **labels: str) -> float | None:
    """Return the value of a metric; None where it has never been touched."""
    return metrics.registry.get_sample_value(f"switchhook_{name}", labels)


@dataclass
class FakeIncoming:
    body: bytes
    redelivered: bool = False
    exchange: str = "callevt"
    routing_key: str = "call.CHANNEL_CREATE.x"
    content_encoding: str | None = None
    traceparent: str | None = None
    deliveries: int = 0
    reply_to: str | None = None
    correlation_id: str | None = None
    acks: int = 0
    told: int = 0
    refusals: int = 0

    def ack(self) -> None:
        self.acks += 1

    async def tell(self) -> None:
        self.told += 1

    async def refuse(self) -> None:
        self.refusals += 1


def incoming(value: Any, *, redelivered: bool = False) -> FakeIncoming:
    body = value if isinstance(value, bytes) else orjson.dumps(value)
    return FakeIncoming(body, redelivered)


@dataclass
class FakeStore:
    """A webhook store that can be away: `failures` questions fail, -1 means all of them."""

    accounts: dict[str, Account] = field(default_factory=dict)
    webhooks: dict[str, Webhook] = field(default_factory=dict)
    numbers: dict[str, str] = field(default_factory=dict)
    failures: int = 0
    asked: list[str] = field(default_factory=list)

    async def account(self, account_id: str) -> Account:
        self._ask(account_id)
        return self.accounts.get(account_id, Account(account_id))

    async def webhook(self, webhook_id: str) -> Webhook | None:
        self._ask(webhook_id)
        return self.webhooks.get(webhook_id)

    async def account_of_number(self, number: str) -> str | None:
        self._ask(number)
        return self.numbers.get(number)

    def _ask(self, what: str) -> None:
        self.asked.append(what)
        if self.failures:
            self.failures -= 1
            raise StoreUnavailable("the store is away")


class FakeDirectory:
    """A directory that remembers nothing, or everything as it is now."""

    def __init__(self, store: FakeStore, *, remembers: bool = False) -> None:
        self._store = store
        self._remembers = remembers
        self.deleted: set[str] = set()

    def remembered(self, account_id: str) -> Account | None:
        return self._store.accounts.get(account_id) if self._remembers else None

    def at_once(self, account_id: str) -> Account | None:
        return self.remembered(account_id)

    async def account(self, account_id: str) -> Account:
        return await self._store.account(account_id)

    async def webhook(self, account_id: str, webhook_id: str) -> Webhook | None:  # noqa: ARG002
        return await self._store.webhook(webhook_id)

    async def account_of_number(self, number: str) -> str | None:
        return await self._store.account_of_number(number)

    def is_deleted(self, webhook_id: str) -> bool:
        return webhook_id in self.deleted

    def forget(self, account_id: str) -> None:
        pass


@dataclass
class FakeQueues:
    """Queues that hold what they were given; the first `failures` calls are not confirmed."""

    retried: list[tuple[Delivery, int]] = field(default_factory=list)
    dead_lettered: list[DeadLetter] = field(default_factory=list)
    batches: list[int] = field(default_factory=list)
    """How many deliveries or letters each message had."""
    rejected: list[tuple[Incoming, RejectReason, str]] = field(default_factory=list)
    revived: list[Delivery] = field(default_factory=list)
    failures: int = 0
    broken: bool = False

    async def retry(self, deliveries: Sequence[Delivery], delay_ms: int) -> None:
        self._confirm()
        self.batches.append(len(deliveries))
        self.retried += [(delivery, delay_ms) for delivery in deliveries]

    async def dead_letter(self, letters: Sequence[DeadLetter]) -> None:
        self._confirm()
        self.batches.append(len(letters))
        self.dead_lettered += letters

    async def reject(self, incoming: Incoming, reason: RejectReason, detail: str) -> None:
        if self.broken:
            raise ValueError("cannot be written")
        self._confirm()
        self.rejected.append((incoming, reason, detail))

    async def revive(self, delivery: Delivery) -> None:
        self._confirm()
        self.revived.append(delivery)

    def _confirm(self) -> None:
        if self.failures:
            self.failures -= 1
            raise BrokerUnavailable("not confirmed")


@dataclass
class FakeProvisions:
    """Destinations that a switch manages."""

    kept: list[Provision] = field(default_factory=list)
    scopes: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    async def keep(self, provision: Provision) -> None:
        self.kept.append(provision)
        if isinstance(provision, ScopedWebhook):
            self.scopes[provision.scope_id] = provision.document

    async def scoped(self, scope_id: str) -> Mapping[str, Any] | None:
        self.asked.append(scope_id)
        return self.scopes.get(scope_id)


@dataclass
class FakeSender:
    """Answers with `responses` in turn, the last of them for ever. An exception is raised."""

    responses: list[Response | Exception] = field(
        default_factory=lambda: [Response(Outcome.SUCCEEDED, 200)]
    )
    sent: list[Request] = field(default_factory=list)

    async def send(self, request: Request) -> Response:
        self.sent.append(request)
        answer = self.responses.pop(0) if len(self.responses) > 1 else self.responses[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    @property
    def headers(self) -> list[Mapping[str, str]]:
        return [request.headers for request in self.sent]


@dataclass
class FakeLog:
    """Stands for the attempt log and for the store of dead letters."""

    rows: list[Attempt] = field(default_factory=list)
    batches: list[int] = field(default_factory=list)
    letters: list[DeadLetter] = field(default_factory=list)
    failures: int = 0

    async def write(self, attempts: Sequence[Attempt]) -> None:
        self._answer()
        self.batches.append(len(attempts))
        self.rows += attempts

    async def file(self, letters: Sequence[DeadLetter]) -> None:
        self._answer()
        self.letters += letters

    def _answer(self) -> None:
        if self.failures:
            self.failures -= 1
            raise StoreUnavailable("the store is away")


@dataclass
class FakeSuspectCounts:
    """Counts how often a message was tried; outlives the processes that a test imagines."""

    tried: Counter[bytes] = field(default_factory=Counter)
    away: bool = False

    async def begin(self, body: bytes) -> int:
        if self.away:
            raise StoreUnavailable("away")
        self.tried[body] += 1
        return self.tried[body] - 1


@dataclass
class FakeToldSteps:
    """Remembers the latest status of each row, and those that are being sent."""

    latest: dict[str, tuple[int, str]] = field(default_factory=dict)
    sent: set[tuple[str, int]] = field(default_factory=set)

    async def begin(self, row: str, rank: int, event_id: str) -> bool:
        known, by = self.latest.get(row, (-1, ""))
        may = known < rank or (known, by) == (rank, event_id)
        if may:
            self.latest[row] = rank, event_id
            self.sent.add((row, rank))
        return may

    async def earlier_is_sent(self, row: str, rank: int) -> bool:
        return any((row, one) in self.sent for one in range(rank))

    async def end(self, row: str, rank: int) -> None:
        self.sent.discard((row, rank))


class FakeHealth:
    """Counts failures, and remembers what was disabled and why."""

    def __init__(self) -> None:
        self.failures: dict[str, list[float]] = {}
        self.disabled: dict[str, str] = {}
        self.forgotten: list[str] = []
        self.told: list[int] = []
        """How many webhooks each telling was about."""
        self.away = False

    async def tell(self, reports: Sequence[HealthReport]) -> dict[str, list[float]]:
        if self.away:
            raise StoreUnavailable("away")
        self.told.append(len(reports))
        for report in reports:
            if report.succeeded:
                self.failures.pop(report.webhook_id, None)
                self.forgotten.append(report.webhook_id)
            kept = self.failures.setdefault(report.webhook_id, [])
            kept += report.failures
            del kept[: -report.keep]
        return {one.webhook_id: self.failures[one.webhook_id] for one in reports if one.failures}

    async def disable(self, webhook_id: str, reason: str) -> bool:
        known = webhook_id in self.disabled
        self.disabled.setdefault(webhook_id, reason)
        return not known


class NotedDisables(list[tuple[str, str]]):
    """Disabled webhooks that were written down, with the reason."""

    async def __call__(self, webhook: Webhook, reason: str) -> None:
        self.append((webhook.webhook_id, reason))


class FakeAnnouncer:
    """Remembers what it said."""

    def __init__(self) -> None:
        self.disabled: list[str] = []

    async def announce(self, exchange: str, routing_key: str, body: Mapping[str, Any]) -> None:
        assert (exchange, routing_key) == ("notifications", "notifications.webhook.disabled")
        self.disabled.append(body["Hook-ID"])
