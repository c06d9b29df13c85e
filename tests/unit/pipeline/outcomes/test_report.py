from dataclasses import replace

import pytest

from service.domain.delivery import InBatch, Outcome, Response
from service.observability.metrics import LATE_S
from service.pipeline.outcomes.attempt_writer import AttemptWriter
from service.pipeline.outcomes.report import Reporter
from tests.builders import NOW, make_attempt, make_delivery, make_past
from tests.fakes import FakeLog, counted, make_metrics

JUST_OVER_S = LATE_S + 0.001


def late_ones(waited_s: float, attempt: int = 1, deferrals: int = 0) -> float | None:
    """Report an attempt that began so long after its event; return how many count as late."""
    metrics = make_metrics()
    reporter = Reporter(AttemptWriter(FakeLog(), metrics, 10, record_successes=True), metrics)
    past = tuple(make_past(number) for number in range(1, attempt))
    delivery = make_delivery(received_at=NOW, deferrals=deferrals, past=past)
    response = Response(Outcome.SUCCEEDED, 200)
    reporter.attempted(
        delivery,
        make_attempt(response, delivery=delivery, attempt=attempt, started_at=NOW + waited_s),
    )
    return counted(metrics, "first_attempts_late_total")


@pytest.mark.parametrize("waited_s", [JUST_OVER_S, 3600.0])
def test_a_first_attempt_that_begins_late_is_counted_as_late(waited_s: float) -> None:
    assert late_ones(waited_s) == 1


@pytest.mark.parametrize("waited_s", [-5.0, 0.0, LATE_S - 0.001, LATE_S])
def test_a_first_attempt_that_begins_in_time_is_not_late(waited_s: float) -> None:
    assert late_ones(waited_s) == 0


@pytest.mark.parametrize("attempt", [2, 3])
def test_a_later_attempt_is_never_late(attempt: int) -> None:
    assert late_ones(3600.0, attempt=attempt) == 0


@pytest.mark.parametrize("deferrals", [1, 7])
def test_a_first_attempt_that_was_deferred_is_not_late(deferrals: int) -> None:
    assert late_ones(3600.0, deferrals=deferrals) == 0


@pytest.mark.parametrize(("own_s", "count"), [(LATE_S - 0.001, 0), (JUST_OVER_S, 1)])
def test_the_wait_in_a_batch_makes_no_attempt_late(own_s: float, count: int) -> None:
    metrics = make_metrics()
    reporter = Reporter(AttemptWriter(FakeLog(), metrics, 10, record_successes=True), metrics)
    delivery = make_delivery(received_at=NOW)
    attempt = make_attempt(
        Response(Outcome.SUCCEEDED, 200),
        delivery=delivery,
        started_at=NOW + 60.0 + own_s,
        duration_s=0.25,
    )
    reporter.attempted(delivery, replace(attempt, in_batch=InBatch("batch", 2, 60.0)))
    assert counted(metrics, "first_attempts_late_total") == count
    assert counted(metrics, "event_to_delivery_seconds_sum") == pytest.approx(own_s + 0.25)


@pytest.mark.parametrize(
    ("prompt", "replay_id", "count"), [(True, None, 1), (False, None, 0), (True, "replay", 0)]
)
def test_what_was_to_wait_or_is_sent_again_is_not_timed(
    prompt: bool, replay_id: str | None, count: int
) -> None:
    metrics = make_metrics()
    writer = AttemptWriter(FakeLog(), metrics, 10, record_successes=True)
    delivery = make_delivery(received_at=NOW, replay_id=replay_id)
    attempt = make_attempt(
        Response(Outcome.SUCCEEDED, 200), delivery=delivery, started_at=NOW + 60.0
    )
    Reporter(writer, metrics, prompt=prompt).attempted(delivery, attempt)
    assert counted(metrics, "first_attempts_late_total") == count
    assert counted(metrics, "event_to_delivery_seconds_count") == count
    assert counted(metrics, "attempts_total", outcome="succeeded") == 1


def test_an_attempt_counts_as_late_however_it_ends() -> None:
    metrics = make_metrics()
    reporter = Reporter(AttemptWriter(FakeLog(), metrics, 10, record_successes=True), metrics)
    for outcome in Outcome:
        started_at = NOW + JUST_OVER_S
        reporter.attempted(make_delivery(), make_attempt(Response(outcome), started_at=started_at))
    assert counted(metrics, "first_attempts_late_total") == len(Outcome)


def test_the_time_to_delivery_is_of_first_attempts_that_succeeded() -> None:
    metrics = make_metrics()
    reporter = Reporter(AttemptWriter(FakeLog(), metrics, 10, record_successes=True), metrics)
    succeeded, failed = Response(Outcome.SUCCEEDED, 200), Response(Outcome.BAD_STATUS, 500)
    first = make_attempt(succeeded, started_at=NOW + 2.0, duration_s=0.5)
    for attempt in (first, make_attempt(failed), make_attempt(succeeded, attempt=2)):
        reporter.attempted(make_delivery(received_at=NOW), attempt)
    assert counted(metrics, "event_to_delivery_seconds_count") == 1
    assert counted(metrics, "event_to_delivery_seconds_sum") == 2.5
