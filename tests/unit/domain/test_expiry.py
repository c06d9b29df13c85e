import pytest

from service.domain.delivery import Delivery
from service.domain.expiry import expiry_of
from service.domain.freshness import Expiry, Freshness, FreshnessPolicy
from tests.builders import NOW, make_delivery, make_past, make_webhook

POLICY = FreshnessPolicy(live_s=60.0, state_s=600.0)
NTP = FreshnessPolicy(live_s=60.0, clock_skew_s=3600.0)
TRIED = (make_past(),)


def expiry(
    delivery: Delivery,
    now: float = NOW,
    kind: Freshness = Freshness.LIVE,
    policy: FreshnessPolicy = POLICY,
    max_age_s: float | None = None,
) -> Expiry | None:
    return expiry_of(policy, delivery, make_webhook(max_age_s=max_age_s), lambda *_: kind, now)


@pytest.mark.parametrize(
    ("kind", "age_s", "expired"),
    [
        (Freshness.LIVE, 60.0, False),
        (Freshness.LIVE, 60.1, True),
        (Freshness.STATE, 600.0, False),
        (Freshness.STATE, 600.1, True),
        (Freshness.RECORD, 1e8, False),
    ],
)
@pytest.mark.parametrize("waited", [{"past": TRIED}, {"deferrals": 1}])
def test_a_retry_and_a_deferral_expire_with_the_class_of_the_event(
    kind: Freshness, age_s: float, waited: dict[str, object], *, expired: bool
) -> None:
    found = expiry(make_delivery(**waited), NOW + age_s, kind)
    assert (found is not None) is expired


def test_an_expiry_tells_age_and_limit() -> None:
    found = expiry(make_delivery(past=TRIED), NOW + 75.25)
    assert found == Expiry(75.25, 60.0)
    assert found.detail == "75.2 s old; the limit is 60 s"


def test_a_webhook_has_its_own_limit_and_0_means_none() -> None:
    tried = make_delivery(past=TRIED)
    assert expiry(tried, NOW + 11, max_age_s=10.0, kind=Freshness.RECORD) == Expiry(11.0, 10.0)
    assert expiry(tried, NOW + 1e6, max_age_s=0.0) is None
    assert expiry(tried, NOW + 1e6, policy=FreshnessPolicy(live_s=0.0)) is None


@pytest.mark.parametrize("max_age_s", [0.001, 1.0])
@pytest.mark.parametrize("occurred_at", [None, NOW, NOW - 4.9, NOW + 4.9])
def test_an_event_that_arrived_on_time_is_attempted_however_low_the_limit_is(
    max_age_s: float, occurred_at: float | None
) -> None:
    event = make_delivery(occurred_at=occurred_at)
    assert expiry(event, NOW + 1e6, max_age_s=max_age_s) is None


@pytest.mark.parametrize(
    ("occurred_at", "age_s"),
    [
        (NOW - 4.9, 104.9),
        (NOW + 4.9, 95.1),
        (None, 100.0),
        (NOW - 5.1, 100.0),
        (NOW + 5.1, 100.0),
        (0.0, 100.0),
        (NOW + 1e9, 100.0),
    ],
)
def test_age_counts_from_the_switchs_time_only_where_its_clock_is_believable(
    occurred_at: float | None, age_s: float
) -> None:
    found = expiry(make_delivery(occurred_at=occurred_at, past=TRIED), NOW + 100)
    assert found is not None
    assert found.age_s == pytest.approx(age_s)


def test_an_event_that_waited_on_the_broker_expires_if_the_clocks_are_trusted() -> None:
    waited = make_delivery(occurred_at=NOW - 600)
    assert expiry(waited) is None
    assert expiry(waited, policy=NTP) == Expiry(600.0, 60.0)
    assert expiry(waited, policy=NTP, max_age_s=900.0) is None
    assert expiry(waited, policy=NTP, kind=Freshness.RECORD) is None


def test_a_replay_is_attempted_and_its_age_starts_anew() -> None:
    replay = {"replay_id": "r", "replayed_at": NOW + 1000}
    assert expiry(make_delivery(**replay), NOW + 9000) is None
    assert expiry(make_delivery(**replay, past=TRIED), NOW + 1060) is None
    assert expiry(make_delivery(**replay, past=TRIED), NOW + 1061) == Expiry(61.0, 60.0)
    assert expiry(make_delivery(**replay, deferrals=1), NOW + 1061) == Expiry(61.0, 60.0)


def test_the_limit_of_a_replay_overrides_all_others() -> None:
    replay = {"replay_id": "r", "replayed_at": NOW, "past": TRIED}
    assert expiry(make_delivery(**replay, max_age_s=0.0), NOW + 1e6, max_age_s=1.0) is None
    assert expiry(make_delivery(**replay, max_age_s=5.0), NOW + 6, max_age_s=0.0) is not None
