import pytest
from prometheus_client import CollectorRegistry, Gauge

from service.domain.batch_close import BatchClose
from service.domain.delivery import DeadLetterReason, Outcome
from service.domain.errors import RejectReason
from service.observability.metrics import Metrics
from tests.fakes import counted, make_metrics


@pytest.mark.parametrize(
    ("name", "labels"),
    [
        *[("attempts_total", {"outcome": outcome.value}) for outcome in Outcome],
        *[("dead_letters_total", {"reason": reason.value}) for reason in DeadLetterReason],
        *[("events_rejected_total", {"reason": reason.value}) for reason in RejectReason],
        *[("batch_requests_total", {"closed_by": close.value}) for close in BatchClose],
        *[
            ("deliveries_total", {"outcome": outcome})
            for outcome in ("delivered", "retried", "dead_lettered", "cancelled")
        ],
        ("events_consumed_total", {"source": "kazoo", "hook": "channel_create"}),
        ("deferrals_total", {"reason": "saturated"}),
        ("first_attempts_late_total", {}),
        ("attempt_log_dropped_total", {}),
        ("pool_in_use", {}),
    ],
)
def test_a_metric_stands_at_zero_before_anything_happens(name: str, labels: dict[str, str]) -> None:
    # An alarm on a rate needs the series to exist before the first event.
    assert counted(make_metrics(), name, **labels) == 0


def test_every_metric_begins_with_our_name() -> None:
    families = list(make_metrics().registry.collect())
    assert families
    assert all(family.name.startswith("switchhook_") for family in families)


def test_two_services_in_one_process_do_not_share_metrics() -> None:
    first, second = (Metrics(CollectorRegistry(), [("kazoo", "all")]) for _ in range(2))
    first.delivered.inc()
    assert counted(first, "deliveries_total", outcome="delivered") == 1
    assert counted(second, "deliveries_total", outcome="delivered") == 0


def test_what_is_measured_is_shown_when_asked_and_written_down_for_others() -> None:
    metrics = make_metrics()
    values = iter((3.0, 5.0))
    metrics.measure(metrics.accounts_remembered, lambda: next(values))
    assert counted(metrics, "accounts_remembered") == 3
    metrics.note_measured()
    assert metrics.accounts_remembered._value.get() == 5


def test_every_gauge_says_how_the_values_of_several_workers_become_one() -> None:
    gauges = [value for value in vars(make_metrics()).values() if isinstance(value, Gauge)]
    assert {
        gauge._name.removeprefix("switchhook_"): gauge._multiprocess_mode for gauge in gauges
    } == {
        "streams_open": "livesum",
        "pool_in_use": "livesum",
        "pool_limit": "livesum",
        "attempt_log_waiting": "livesum",
        "oldest_unacked_seconds": "livemax",
        "oldest_not_begun_seconds": "livemax",
        "queue_waiting": "livemax",
        "messages_parked": "livesum",
        "places_held": "livesum",
        "deliveries_in_line": "livesum",
        "accounts_waiting_ratio": "livemax",
        "broker_blocked": "livemax",
        "build_info": "livemax",
        "endpoint_breakers_open": "livemax",
        "endpoint_certificates_expiring": "livemax",
        "endpoint_certificate_soonest_seconds": "livemin",
        "consumer_unacked": "livesum",
        "broker_connected": "livemin",
        "fast_path": "livemin",
        "topology_broken": "livemax",
        "source_bound": "livemin",
        "store_up": "livemin",
        "accounts_remembered": "livemax",
        "backlogs": "livemax",
        "backlog_deliveries": "livemax",
        "batches_open": "livesum",
        "deliveries_in_batches": "livesum",
    }
