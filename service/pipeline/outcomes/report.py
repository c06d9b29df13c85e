"""Reporter of finished attempts: the only place that writes their log lines, metrics and rows."""

from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

from service.domain.delivery import Attempt, DeadLetter, Delivery
from service.observability.logs import quick_info
from service.observability.metrics import LATE_S, Metrics
from service.pipeline.live.feed import LiveFeed
from service.pipeline.outcomes.attempt_writer import AttemptWriter

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Reporter:
    """Reports attempts, dead letters and cancelled deliveries."""

    attempt_writer: AttemptWriter
    metrics: Metrics
    feed: LiveFeed = field(default_factory=LiveFeed)
    prompt: bool = True
    """Whether deliveries are meant to be made at once: not those of a backlog, nor those whose turn
    in a call came later. They make no attempt late."""
    log_attempt: Callable[..., None] = field(default_factory=quick_info)

    def attempted(self, delivery: Delivery, attempt: Attempt) -> None:
        """Report an attempt: one canonical log line, one row of the attempt log, and metrics."""
        response = attempt.response
        self.attempt_writer.add(attempt)
        self.feed.attempted(attempt)
        self.metrics.attempts[response.outcome].inc()
        if attempt.expiry is None:
            self.metrics.attempt_duration.observe(attempt.duration_s)
        if attempt.attempt == 1 and self.prompt and delivery.replay_id is None:
            self._time(attempt, delivery)
        self.log_attempt(
            "attempt.finished",
            delivery_id=delivery.delivery_id,
            webhook_id=delivery.webhook_id,
            account_id=delivery.account_id,
            hook=delivery.hook,
            call_id=delivery.call_id,
            trace_id=delivery.trace_id,
            attempt=attempt.attempt,
            outcome=response.outcome.value,
            status=response.status,
            duration_ms=round(attempt.duration_s * 1000, 1),
            detail=response.detail,
        )

    def _time(self, attempt: Attempt, delivery: Delivery) -> None:
        """Note how long a first attempt took to begin, and to succeed, after it was due."""
        due_at = delivery.received_at
        if attempt.in_batch is not None:
            due_at += attempt.in_batch.waited_s
        if attempt.started_at - due_at > LATE_S and not delivery.deferrals:
            self.metrics.begun_late.inc()
        if attempt.response.outcome.succeeded:
            since = attempt.started_at + attempt.duration_s - due_at
            self.metrics.event_to_delivery.observe(max(0.0, since))

    def given_up(self, letter: DeadLetter) -> None:
        """Report a new dead letter."""
        delivery = letter.delivery
        self.metrics.dead_letters[letter.reason].inc()
        self.metrics.dead_lettered.inc()
        log.warning(
            "delivery.dead_lettered",
            delivery_id=delivery.delivery_id,
            webhook_id=delivery.webhook_id,
            account_id=delivery.account_id,
            reason=letter.reason.value,
            attempts=len(delivery.past),
        )

    def cancelled(self, delivery: Delivery, reason: str = "the webhook was deleted") -> None:
        """Report a delivery that was dropped: its webhook was deleted, or it is out of date."""
        self.metrics.cancelled.inc()
        log.info(
            "delivery.cancelled",
            delivery_id=delivery.delivery_id,
            webhook_id=delivery.webhook_id,
            reason=reason,
        )
