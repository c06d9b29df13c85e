"""Every metric of the service. Names begin with `switchhook_`; labels come from enums."""

from collections.abc import Callable, Iterable, Sequence
from enum import StrEnum
from typing import Literal, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, values

from service import __version__
from service.domain.answer import AnswerSource, BadAnswerReason
from service.domain.batch_close import BatchClose
from service.domain.delivery import DeadLetterReason, DeferReason, Outcome
from service.domain.errors import RejectReason
from service.domain.leg_state import LegState

Label = TypeVar("Label", bound=StrEnum)
Mode = Literal["livesum", "livemin", "livemax"]

FILES_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
"""prometheus_client keeps metrics in files only if this variable is set before its import."""

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)

BATCH_SIZES = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)

LATE_S = 1.0
"""Service level: seconds within which the first attempt begins, and the delivery has arrived."""


class Metrics:
    """All metrics, with the children that the hot path needs resolved ahead.

    `hooks` are all (source, hook) pairs; any other pair is a bug. Each gauge declares how the
    values of several workers are combined (`multiprocess_mode`): `livesum` where they share a load,
    `livemin` where one that is down must show, `livemax` where each worker has its own limit.
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
            "events_ignored_total", "Messages with no event that a hook covers: acknowledged"
        )
        self.rejected = _by(
            self._counter(
                "events_rejected_total", "Messages moved to the rejected queue", "reason"
            ),
            RejectReason,
        )
        self._deliveries()
        self._attempts()
        self._batches()
        self._asks()
        self._queues()
        self._places()
        self._broker()
        self._store()
        self._streams()
        self._process()

    def measure(self, gauge: Gauge, value: Callable[[], float]) -> None:
        """Have the gauge call `value` when it is read, so that it costs nothing in between."""
        gauge.set_function(value)
        self._notes.append(lambda: gauge.set(value()))

    def tally(self, counter: Counter, total: Callable[[], int]) -> None:
        """Have the counter follow `total`, a cheaper count kept elsewhere, once a second."""
        noted = 0

        def note() -> None:
            nonlocal noted
            now = total()
            counter.inc(now - noted)
            noted = now

        self._notes.append(note)

    def note_measured(self) -> None:
        """Copy measured values into the metrics: a reader of a worker's file cannot measure."""
        for note in self._notes:
            note()

    def _deliveries(self) -> None:
        deliveries = self._counter(
            "deliveries_total",
            "Deliveries by outcome; retried counts each return to a tier",
            "outcome",
        )
        self.delivered = deliveries.labels("delivered")
        self.retried = deliveries.labels("retried")
        self.dead_lettered = deliveries.labels("dead_lettered")
        self.cancelled = deliveries.labels("cancelled")
        self.shadowed = deliveries.labels("shadowed")
        self.coalesced = deliveries.labels("coalesced")
        self.suspects = self._counter(
            "call_suspects_total", "Legs without an end whose switch cannot be asked"
        )
        self.leg_questions = _by(
            self._counter("leg_questions_total", "Questions to switches about legs", "state"),
            LegState,
        )
        self.synthetic_ends = self._counter(
            "call_synthetic_ends_total", "Ends of legs that the switch did not tell"
        )
        self.superseded_ends = self._counter(
            "call_superseded_ends_total", "Real ends that came after a synthetic one"
        )
        self.summaries = self._counter("call_summaries_total", "Summaries of calls", "outcome")
        self.kept = self._counter(
            "deliveries_kept_total", "Deliveries added to the backlogs of paused webhooks"
        )
        self.backlogs = self._gauge(
            "backlogs", "Webhooks with deliveries kept for a pause, over all workers", "livemax"
        )
        self.backlog_deliveries = self._gauge(
            "backlog_deliveries", "Deliveries kept for a pause, over all workers", "livemax"
        )
        self.deferred = _by(
            self._counter("deferrals_total", "Deliveries deferred without an attempt", "reason"),
            DeferReason,
        )
        self.breakers_open = self._gauge(
            "endpoint_breakers_open",
            "Endpoints whose circuit breaker is open",
            "livemax",
        )
        self.dead_letters = _by(
            self._counter("dead_letters_total", "Deliveries given up", "reason"),
            DeadLetterReason,
        )
        self.webhooks_disabled = self._counter(
            "webhooks_disabled_total", "Webhooks disabled for failing"
        )
        self.webhooks_warned = self._counter(
            "webhooks_warned_total", "Webhooks that reached half of disable.failure_count"
        )
        self.begun_late = self._counter(
            "first_attempts_late_total",
            "First attempts, not deferred, that began over a second after the event arrived, or "
            "after its batch was closed",
        )
        self.event_to_delivery = self._histogram(
            "event_to_delivery_seconds",
            "Time from consuming an event to delivery at first attempt, without a wait in a batch",
        )

    def _asks(self) -> None:
        self.asks = _by(
            self._counter("asks_total", "Questions of calls, by who gave the answer", "source"),
            AnswerSource,
        )
        self.ask_duration = self._histogram(
            "ask_duration_seconds", "Time from the question of a call to its answer"
        )
        self.answers_refused = _by(
            self._counter("answers_refused_total", "Documents that could not be used", "reason"),
            BadAnswerReason,
        )

    def _attempts(self) -> None:
        self.attempts = _by(
            self._counter(
                "attempts_total",
                "HTTP requests, one for each delivery of a batch; expired ones were not made",
                "outcome",
            ),
            Outcome,
        )
        self.attempt_duration = self._histogram(
            "attempt_duration_seconds", "Duration of HTTP requests"
        )
        self.attempt_log_dropped = self._counter(
            "attempt_log_dropped_total",
            "Attempts dropped from the log because the store was unavailable",
        )
        self.attempt_log_waiting = self._gauge(
            "attempt_log_waiting", "Attempts not yet written to the log", "livesum"
        )
        self.certificates_expiring = self._gauge(
            "endpoint_certificates_expiring",
            "Hosts of endpoints whose certificate expires within 14 days, or a third of its life",
            "livemax",
        )
        self.certificate_soonest = self._gauge(
            "endpoint_certificate_soonest_seconds",
            "Time until the first of these certificates expires; infinite if there is none",
            "livemin",
        )
        self.pool_in_use = self._gauge("pool_in_use", "HTTP requests in flight", "livesum")
        self.pool_limit = self._gauge("pool_limit", "Most HTTP requests in flight", "livesum")

    def _batches(self) -> None:
        self.batches_open = self._gauge(
            "batches_open", "Batches that wait for further deliveries", "livesum"
        )
        self.deliveries_in_batches = self._gauge(
            "deliveries_in_batches", "Deliveries that wait in open batches", "livesum"
        )
        self.batch_requests = _by(
            self._counter(
                "batch_requests_total", "Requests of batches, by cause of closing", "closed_by"
            ),
            BatchClose,
        )
        self.batch_deliveries = self._histogram(
            "batch_deliveries", "Deliveries in the request of a batch", BATCH_SIZES
        )

    def _queues(self) -> None:
        self.unacked = self._gauge(
            "consumer_unacked", "Messages consumed and not yet acknowledged", "livesum", "lane"
        )
        self.oldest_unacked = self._gauge(
            "oldest_unacked_seconds",
            "Time for which the oldest unacknowledged message has been held",
            "livemax",
            "lane",
        )
        self.settled = self._counter(
            "messages_settled_total",
            "Messages settled: acknowledged, or moved to the rejected queue",
            "lane",
        )
        self.parked = self._gauge(
            "messages_parked",
            "Messages parked because a receiver hangs, or broker or store is unavailable",
            "livesum",
            "lane",
        )
        self.oldest_not_begun = self._gauge(
            "oldest_not_begun_seconds",
            "Time for which the oldest message has waited for its processing to begin",
            "livemax",
            "lane",
        )
        self.queue_waiting = self._gauge(
            "queue_waiting",
            "Messages that wait in the lane's queue, as last reported by the broker",
            "livemax",
            "lane",
        )
        self.acks_lost = self._counter(
            "acks_lost_total",
            "Messages settled after their connection was lost: the broker redelivers them",
        )

    def _places(self) -> None:
        self.places_held = self._gauge(
            "places_held", "Places of the pool that are taken", "livesum", "lane"
        )
        self.in_line = self._gauge(
            "deliveries_in_line", "Deliveries that wait for a place", "livesum", "lane"
        )
        self.accounts_waiting = self._gauge(
            "accounts_waiting_ratio",
            "Share of the accounts with deliveries in progress that wait for a place",
            "livemax",
            "lane",
        )

    def _broker(self) -> None:
        self.connected = self._gauge(
            "broker_connected", "Whether a connection to the broker is open", "livemin", "link"
        )
        self.blocked = self._gauge(
            "broker_blocked",
            "Whether the broker blocks publishing, by an alarm of its memory or disk",
            "livemax",
        )
        self.fast_path = self._gauge(
            "fast_path",
            "1 if the fast path through the driver is in use, 0 if its documented interface is",
            "livemin",
            "driver",
        )
        self.topology_broken = self._gauge(
            "topology_broken",
            "Whether our exchange or a queue is missing, has other arguments, or is not consumed",
            "livemax",
        )
        self.topology_restored = self._counter(
            "topology_restored_total",
            "Queues and exchange of ours that vanished from the broker and were declared again",
        )
        self.publish_duration = self._histogram(
            "publish_seconds", "Time until the broker confirmed a message"
        )
        self.bound = self._gauge(
            "source_bound",
            "Whether all bindings to an exchange of the switch exist",
            "livemin",
            "exchange",
        )
        self.waits = self._counter(
            "dependency_waits_total", "Pauses because a dependency did not answer", "error"
        )

    def _store(self) -> None:
        self.store_up = self._gauge(
            "store_up", "Whether MongoDB answered the last request", "livemin"
        )
        self.store_duration = self._histogram(
            "store_seconds", "Time until MongoDB answered a request"
        )
        self.accounts_remembered = self._gauge(
            "accounts_remembered", "Accounts in the cache", "livemax"
        )

    def _streams(self) -> None:
        self.streams_open = self._gauge("streams_open", "Live streams of the API open", "livesum")
        self.stream_dropped = self._counter(
            "stream_dropped_total", "Items that live streams lost because nobody read them in time"
        )

    def _process(self) -> None:
        self.loop_lag = self._histogram(
            "event_loop_lag_seconds", "How much later than due the event loop wakes a task"
        )
        self.build = self._gauge(
            "build_info", "1, labelled with the running version", "livemax", "version"
        )
        self.build.labels(__version__).set(1)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"switchhook_{name}", text, labels, registry=self.registry)

    def _gauge(self, name: str, text: str, mode: Mode, *labels: str) -> Gauge:
        name = f"switchhook_{name}"
        return Gauge(name, text, labels, registry=self.registry, multiprocess_mode=mode)

    def _histogram(self, name: str, text: str, buckets: Sequence[float] = SECONDS) -> Histogram:
        return Histogram(f"switchhook_{name}", text, buckets=buckets, registry=self.registry)


def keep_in_files(number: int) -> None:
    """Keep metrics created from now on in files named by the worker's number, not its process id.

    The worker's successor continues these files, so that no counter falls and no file is left over.
    """
    values.ValueClass = values.MultiProcessValue(lambda: number)  # type: ignore[no-untyped-call]


def _by(counter: Counter, labels: type[Label]) -> dict[Label, Counter]:
    return {label: counter.labels(label.value) for label in labels}
