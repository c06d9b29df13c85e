"""Every metric of the service. Names begin with `switchhook_`; labels come from enums."""

from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import Literal, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, values

from service import __version__
from service.domain.delivery import DeadLetterReason, DeferReason, Outcome
from service.domain.errors import RejectReason

Label = TypeVar("Label", bound=StrEnum)
Mode = Literal["livesum", "livemin", "livemax"]

FILES_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
"""Must be set before this process imports prometheus_client, for metrics to be kept in files."""

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)

LATE_S = 1.0
"""The service level: the first attempt begins, and a delivery is with its receiver, within it."""


class Metrics:
    """The metrics, with the children that the hot path needs held ready.

    `hooks` are the (source, hook) pairs there are; a pair that is not among them is a bug. Each
    gauge says how the values of several workers become one (`multiprocess_mode`): `livesum` where
    they share a load, `livemin` where one that is down must show, `livemax` where the limit is each
    worker's own.
    """

    def __init__(self, registry: CollectorRegistry, hooks: Iterable[tuple[str, str]]) -> None:
        self.registry = registry
        self._notes: list[Callable[[], None]] = []
        consumed = self._counter(
            "events_consumed_total", "Events taken from the bus", "source", "hook"
        )
        self.consumed = {pair: consumed.labels(*pair) for pair in hooks}
        self.unowned = self._counter(
            "events_without_account_total",
            "Events whose account is unknown: counted and acknowledged",
        )
        self.ignored = self._counter(
            "events_ignored_total", "Messages that tell nothing a hook is for: acknowledged"
        )
        self.rejected = _by(
            self._counter(
                "events_rejected_total", "Messages moved to the rejected queue", "reason"
            ),
            RejectReason,
        )
        self._deliveries()
        self._attempts()
        self._queues()
        self._dependencies()
        self._process()

    def measure(self, gauge: Gauge, value: Callable[[], float]) -> None:
        """Have the gauge show what `value` returns, which costs nothing until somebody looks."""
        gauge.set_function(value)
        self._notes.append(lambda: gauge.set(value()))

    def tally(self, counter: Counter, total: Callable[[], int]) -> None:
        """Have the counter follow, once a second, what is counted elsewhere for next to nothing."""
        noted = 0

        def note() -> None:
            nonlocal noted
            now = total()
            counter.inc(now - noted)
            noted = now

        self._notes.append(note)

    def note_measured(self) -> None:
        """Write down what is measured: who looks into a worker's file cannot call a function."""
        for note in self._notes:
            note()

    def _deliveries(self) -> None:
        deliveries = self._counter(
            "deliveries_total",
            "What became of deliveries; retried counts each return to a tier",
            "outcome",
        )
        self.delivered = deliveries.labels("delivered")
        self.retried = deliveries.labels("retried")
        self.dead_lettered = deliveries.labels("dead_lettered")
        self.cancelled = deliveries.labels("cancelled")
        self.shadowed = deliveries.labels("shadowed")
        self.deferred = _by(
            self._counter("deferrals_total", "Deliveries put off without an attempt", "reason"),
            DeferReason,
        )
        self.breakers_open = self._gauge(
            "endpoint_breakers_open",
            "Endpoints that failed and failed, and are left alone",
            "livemax",
        )
        self.dead_letters = _by(
            self._counter("dead_letters_total", "Deliveries given up", "reason"),
            DeadLetterReason,
        )
        self.webhooks_disabled = self._counter(
            "webhooks_disabled_total", "Webhooks switched off because they failed"
        )
        self.webhooks_warned = self._counter(
            "webhooks_warned_total", "Webhooks that had half of the failures that switch them off"
        )
        self.begun_late = self._counter(
            "first_attempts_late_total",
            "First attempts, not deferred, that began over a second after the event came in",
        )
        self.event_to_delivery = self._histogram(
            "event_to_delivery_seconds", "From taking an event in to its delivery at first attempt"
        )

    def _attempts(self) -> None:
        self.attempts = _by(
            self._counter("attempts_total", "HTTP requests", "outcome"),
            Outcome,
        )
        self.attempt_duration = self._histogram(
            "attempt_duration_seconds", "How long HTTP requests took"
        )
        self.attempt_log_dropped = self._counter(
            "attempt_log_dropped_total",
            "Attempts that are missing in the log because the store was away",
        )
        self.attempt_log_waiting = self._gauge(
            "attempt_log_waiting", "Attempts that are not written to the log yet", "livesum"
        )
        self.certificates_expiring = self._gauge(
            "endpoint_certificates_expiring",
            "Hosts of endpoints whose certificate ends within 14 days, or a third of its life",
            "livemax",
        )
        self.pool_in_use = self._gauge("pool_in_use", "HTTP requests in flight", "livesum")
        self.pool_limit = self._gauge("pool_limit", "HTTP requests in flight at most", "livesum")

    def _queues(self) -> None:
        self.unacked = self._gauge(
            "consumer_unacked", "Messages taken in and not acknowledged yet", "livesum", "lane"
        )
        self.oldest_unacked = self._gauge(
            "oldest_unacked_seconds",
            "For how long the oldest message is held that is not acknowledged yet",
            "livemax",
            "lane",
        )
        self.settled = self._counter(
            "messages_settled_total",
            "Messages done with: acknowledged, or moved to the rejected queue",
            "lane",
        )
        self.parked = self._gauge(
            "messages_parked",
            "Messages held that cannot be settled now: a receiver hangs, broker or store is away",
            "livesum",
            "lane",
        )
        self.oldest_not_begun = self._gauge(
            "oldest_not_begun_seconds",
            "For how long the oldest message waits for work on it to begin",
            "livemax",
            "lane",
        )
        self.places_held = self._gauge(
            "places_held", "Places for requests that are taken", "livesum", "lane"
        )
        self.in_line = self._gauge(
            "deliveries_in_line", "Deliveries that wait for a place", "livesum", "lane"
        )
        self.accounts_waiting = self._gauge(
            "accounts_waiting_ratio",
            "Part of the accounts with deliveries in hand that wait for a place",
            "livemax",
            "lane",
        )
        self.queue_waiting = self._gauge(
            "queue_waiting",
            "Messages that wait in the lane's queue, as the broker said last",
            "livemax",
            "lane",
        )
        self.acks_lost = self._counter(
            "acks_lost_total",
            "Messages settled after their connection was lost: the broker hands them out again",
        )

    def _dependencies(self) -> None:
        self.connected = self._gauge(
            "broker_connected", "Whether a connection to the broker stands", "livemin", "link"
        )
        self.blocked = self._gauge(
            "broker_blocked",
            "Whether the broker takes no messages: an alarm of its memory or disk",
            "livemax",
        )
        self.fast_path = self._gauge(
            "fast_path",
            "1 where the fast path through the driver is in use, 0 where the documented way is",
            "livemin",
            "driver",
        )
        self.topology_broken = self._gauge(
            "topology_broken",
            "Whether a queue or the exchange of ours is missing, or stands with other arguments",
            "livemax",
        )
        self.topology_restored = self._counter(
            "topology_restored_total",
            "Our queues and exchange that had vanished from the broker and were declared again",
        )
        self.publish_duration = self._histogram(
            "publish_seconds", "Until the broker has confirmed a message"
        )
        self.bound = self._gauge(
            "source_bound",
            "Whether all bindings to an exchange of the switch stand",
            "livemin",
            "exchange",
        )
        self.waits = self._counter(
            "dependency_waits_total", "Pauses because a dependency did not answer", "error"
        )
        self.store_up = self._gauge(
            "store_up", "Whether MongoDB answered the last time it was asked", "livemin"
        )
        self.store_duration = self._histogram(
            "store_seconds", "Until MongoDB has answered a question"
        )
        self.accounts_remembered = self._gauge(
            "accounts_remembered", "Accounts in memory", "livemax"
        )

    def _process(self) -> None:
        self.loop_lag = self._histogram(
            "event_loop_lag_seconds", "How much later than asked the event loop comes back"
        )
        self.build = self._gauge(
            "build_info", "1, with the version that runs", "livemax", "version"
        )
        self.build.labels(__version__).set(1)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"switchhook_{name}", text, labels, registry=self.registry)

    def _gauge(self, name: str, text: str, mode: Mode, *labels: str) -> Gauge:
        name = f"switchhook_{name}"
        return Gauge(name, text, labels, registry=self.registry, multiprocess_mode=mode)

    def _histogram(self, name: str, text: str) -> Histogram:
        return Histogram(f"switchhook_{name}", text, buckets=SECONDS, registry=self.registry)


def keep_in_files(number: int) -> None:
    """Keep the metrics made from now on in files of this worker's number, not of its process id.

    A successor goes on with them, so that no counter falls and no file is left over.
    """
    values.ValueClass = values.MultiProcessValue(lambda: number)  # type: ignore[no-untyped-call]


def _by(counter: Counter, labels: type[Label]) -> dict[Label, Counter]:
    return {label: counter.labels(label.value) for label in labels}
