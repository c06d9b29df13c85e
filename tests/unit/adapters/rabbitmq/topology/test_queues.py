import pytest

from service.adapters.rabbitmq.topology.queues import DELIVERY_LIMIT, Names, queues
from service.domain.retry import RetryPolicy

NAMES = Names("switchhook")
FORWARDING = {
    "x-queue-type": "quorum",
    "x-dead-letter-exchange": "switchhook",
    "x-dead-letter-strategy": "at-least-once",
    "x-overflow": "reject-publish",
}


def test_our_names_are_fixed_but_for_the_prefix() -> None:
    names = Names("second-one")
    assert names.exchange == "second-one"
    assert names.events == "second-one.events"
    assert names.deliveries == "second-one.deliveries"
    assert names.dead == "second-one.dead"
    assert names.rejected == "second-one.rejected"
    assert names.tier(5000) == "second-one.retry.5s"


@pytest.mark.parametrize(
    ("delay_ms", "name"),
    [
        (50, "50ms"),
        (800, "800ms"),
        (1000, "1s"),
        (1200, "1200ms"),
        (59_000, "59s"),
        (60_000, "1m"),
        (96_000, "96s"),
        (720_000, "12m"),
        (3_600_000, "1h"),
        (4_320_000, "72m"),
        (86_400_000, "24h"),
    ],
)
def test_a_tier_is_named_by_its_delay(delay_ms: int, name: str) -> None:
    assert NAMES.tier(delay_ms) == f"switchhook.retry.{name}"


def test_each_tier_has_a_name_of_its_own() -> None:
    tiers = RetryPolicy().tiers_ms
    assert len({NAMES.tier(delay_ms) for delay_ms in tiers}) == len(tiers) == 18


@pytest.mark.parametrize("name", ["events", "deliveries", "dead"])
def test_a_work_queue_hands_poison_to_the_rejected_queue_never_to_a_tier(name: str) -> None:
    assert DELIVERY_LIMIT == 20
    assert queues(NAMES, [1000])[f"switchhook.{name}"] == {
        **FORWARDING,
        "x-delivery-limit": 20,
        "x-dead-letter-routing-key": "switchhook.rejected",
    }


def test_a_tier_hands_everything_back_to_the_delivery_lane_after_its_delay() -> None:
    assert queues(NAMES, [30_000])["switchhook.retry.30s"] == {
        **FORWARDING,
        "x-message-ttl": 30_000,
        "x-dead-letter-routing-key": "switchhook.deliveries",
    }


def test_the_rejected_queue_keeps_what_it_is_given() -> None:
    assert queues(NAMES, [1000])["switchhook.rejected"] == {"x-queue-type": "quorum"}


def test_the_queues_are_these_and_those_that_others_lead_to_come_first() -> None:
    assert list(queues(NAMES, [800, 1000])) == [
        "switchhook.rejected",
        "switchhook.dead",
        "switchhook.deliveries",
        "switchhook.events",
        "switchhook.retry.800ms",
        "switchhook.retry.1s",
    ]
