"""Every metric of the service. Names begin with `switchhook_`; labels come from enums."""

from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, values

from service import __version__
from service.domain.delivery import DeadLetterReason, DeferReason, Outcome
from service.domain.errors import RejectReason

Label = TypeVar("Label", bound=StrEnum)

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
        consumed = Counter(
            "switchhook_events_consumed_total",
            "Events taken from the bus",
            ["source", "hook"],
            registry=registry,
        )
        self.consumed = {pair: consumed.labels(*pair) for pair in hooks}
        self.unowned = Counter(
            "switchhook_events_without_account_total",
            "Events whose account is unknown: counted and acknowledged",
            registry=registry,
        )
        self.ignored = Counter(
            "switchhook_events_ignored_total",
            "Messages that tell nothing a hook is for: acknowledged",
            registry=registry,
        )
        self.rejected = _by(
            Counter(
                "switchhook_events_rejected_total",
                "Messages moved to the rejected queue",
                ["reason"],
                registry=registry,
            ),
            RejectReason,
        )
        self._deliveries(registry)
        self._attempts(registry)
        self._queues(registry)
        self._dependencies(registry)
        self._process(registry)

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

    def _deliveries(self, registry: CollectorRegistry) -> None:
        deliveries = Counter(
            "switchhook_deliveries_total",
            "What became of deliveries; retried counts each return to a tier",
            ["outcome"],
            registry=registry,
        )
        self.delivered = deliveries.labels("delivered")
        self.retried = deliveries.labels("retried")
        self.dead_lettered = deliveries.labels("dead_lettered")
        self.cancelled = deliveries.labels("cancelled")
        self.shadowed = deliveries.labels("shadowed")
        self.deferred = _by(
            Counter(
                "switchhook_deferrals_total",
                "Deliveries put off without an attempt",
                ["reason"],
                registry=registry,
            ),
            DeferReason,
        )
        self.breakers_open = Gauge(
            "switchhook_endpoint_breakers_open",
            "Endpoints that failed and failed, and are left alone",
            registry=registry,
            multiprocess_mode="livemax",
        )
        self.dead_letters = _by(
            Counter(
                "switchhook_dead_letters_total",
                "Deliveries given up",
                ["reason"],
                registry=registry,
            ),
            DeadLetterReason,
        )
        self.webhooks_disabled = Counter(
            "switchhook_webhooks_disabled_total",
            "Webhooks switched off because they failed",
            registry=registry,
        )
        self.webhooks_warned = Counter(
            "switchhook_webhooks_warned_total",
            "Webhooks that had half of the failures that switch them off",
            registry=registry,
        )
        self.begun_late = Counter(
            "switchhook_first_attempts_late_total",
            "First attempts, not deferred, that began over a second after the event came in",
            registry=registry,
        )
        self.event_to_delivery = Histogram(
            "switchhook_event_to_delivery_seconds",
            "From taking an event in to its delivery at first attempt",
            buckets=SECONDS,
            registry=registry,
        )

    def _attempts(self, registry: CollectorRegistry) -> None:
        self.attempts = _by(
            Counter("switchhook_attempts_total", "HTTP requests", ["outcome"], registry=registry),
            Outcome,
        )
        self.attempt_duration = Histogram(
            "switchhook_attempt_duration_seconds",
            "How long HTTP requests took",
            buckets=SECONDS,
            registry=registry,
        )
        self.attempt_log_dropped = Counter(
            "switchhook_attempt_log_dropped_total",
            "Attempts that are missing in the log because the store was away",
            registry=registry,
        )
        self.attempt_log_waiting = Gauge(
            "switchhook_attempt_log_waiting",
            "Attempts that are not written to the log yet",
            registry=registry,
            multiprocess_mode="livesum",
        )
        self.certificates_expiring = Gauge(
            "switchhook_endpoint_certificates_expiring",
            "Hosts of endpoints whose certificate ends within 14 days, or a third of its life",
            registry=registry,
            multiprocess_mode="livemax",
        )
        self.pool_in_use = Gauge(
            "switchhook_pool_in_use",
            "HTTP requests in flight",
            registry=registry,
            multiprocess_mode="livesum",
        )
        self.pool_limit = Gauge(
            "switchhook_pool_limit",
            "HTTP requests in flight at most",
            registry=registry,
            multiprocess_mode="livesum",
        )

    def _queues(self, registry: CollectorRegistry) -> None:
        self.unacked = Gauge(
            "switchhook_consumer_unacked",
            "Messages taken in and not acknowledged yet",
            ["lane"],
            registry=registry,
            multiprocess_mode="livesum",
        )
        self.oldest_unacked = Gauge(
            "switchhook_oldest_unacked_seconds",
            "For how long the oldest message is held that is not acknowledged yet",
            ["lane"],
            registry=registry,
            multiprocess_mode="livemax",
        )
        self.settled = Counter(
            "switchhook_messages_settled_total",
            "Messages done with: acknowledged, or moved to the rejected queue",
            ["lane"],
            registry=registry,
        )
        self.queue_waiting = Gauge(
            "switchhook_queue_waiting",
            "Messages that wait in the lane's queue, as the broker said last",
            ["lane"],
            registry=registry,
            multiprocess_mode="livemax",
        )
        self.acks_lost = Counter(
            "switchhook_acks_lost_total",
            "Messages settled after their connection was lost: the broker hands them out again",
            registry=registry,
        )

    def _dependencies(self, registry: CollectorRegistry) -> None:
        self.connected = Gauge(
            "switchhook_broker_connected",
            "Whether a connection to the broker stands",
            ["link"],
            registry=registry,
            multiprocess_mode="livemin",
        )
        self.blocked = Gauge(
            "switchhook_broker_blocked",
            "Whether the broker takes no messages: an alarm of its memory or disk",
            registry=registry,
            multiprocess_mode="livemax",
        )
        self.publish_duration = Histogram(
            "switchhook_publish_seconds",
            "Until the broker has confirmed a message",
            buckets=SECONDS,
            registry=registry,
        )
        self.bound = Gauge(
            "switchhook_source_bound",
            "Whether all bindings to an exchange of the switch stand",
            ["exchange"],
            registry=registry,
            multiprocess_mode="livemin",
        )
        self.waits = Counter(
            "switchhook_dependency_waits_total",
            "Pauses because a dependency did not answer",
            ["error"],
            registry=registry,
        )
        self.store_up = Gauge(
            "switchhook_store_up",
            "Whether MongoDB answered the last time it was asked",
            registry=registry,
            multiprocess_mode="livemin",
        )
        self.store_duration = Histogram(
            "switchhook_store_seconds",
            "Until MongoDB has answered a question",
            buckets=SECONDS,
            registry=registry,
        )
        self.accounts_remembered = Gauge(
            "switchhook_accounts_remembered",
            "Accounts in memory",
            registry=registry,
            multiprocess_mode="livemax",
        )

    def _process(self, registry: CollectorRegistry) -> None:
        self.loop_lag = Histogram(
            "switchhook_event_loop_lag_seconds",
            "How much later than asked the event loop comes back",
            buckets=SECONDS,
            registry=registry,
        )
        self.build = Gauge(
            "switchhook_build_info",
            "1, with the version that runs",
            ["version"],
            registry=registry,
            multiprocess_mode="livemax",
        )
        self.build.labels(__version__).set(1)


def keep_in_files(number: int) -> None:
    """Keep the metrics made from now on in files of this worker's number, not of its process id.

    A successor goes on with them, so that no counter falls and no file is left over.
    """
    values.ValueClass = values.MultiProcessValue(lambda: number)  # type: ignore[no-untyped-call]


def _by(counter: Counter, labels: type[Label]) -> dict[Label, Counter]:
    return {label: counter.labels(label.value) for label in labels}
