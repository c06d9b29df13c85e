from dataclasses import replace

import pytest

from service.domain.delivery import DeadLetterReason, Delivery, Outcome, Response
from service.domain.retry import (
    MAX_RETRIES,
    MISSED_TURNS,
    Delivered,
    GiveUp,
    NextStep,
    Retry,
    RetryPolicy,
    deferral,
    next_step,
)
from tests.builders import NOW, make_delivery

POLICY = RetryPolicy()
PASSING = [outcome for outcome in Outcome if outcome.may_pass]


def early(delays: tuple[int, int, int]) -> int:
    return delays[0]


def on_time(delays: tuple[int, int, int]) -> int:
    return delays[1]


def late(delays: tuple[int, int, int]) -> int:
    return delays[2]


def after(outcome: Outcome, attempts: int = 1, retries: int = 2) -> NextStep:
    return next_step(POLICY, attempts, retries, Response(outcome), on_time)


def after_throttling(retry_after_s: float | None, attempts: int = 1) -> NextStep:
    response = Response(Outcome.THROTTLED, 429, retry_after_s=retry_after_s)
    return next_step(POLICY, attempts, MAX_RETRIES, response, on_time)


@pytest.mark.parametrize("attempts", [1, 3, 6])
def test_success_settles_a_delivery_at_any_attempt(attempts: int) -> None:
    assert after(Outcome.SUCCEEDED, attempts, retries=0) == Delivered()


@pytest.mark.parametrize(
    ("outcome", "reason"),
    [
        (Outcome.GONE, DeadLetterReason.GONE),
        (Outcome.EGRESS_REFUSED, DeadLetterReason.EGRESS_REFUSED),
        (Outcome.INVALID_REQUEST, DeadLetterReason.INVALID_REQUEST),
    ],
)
def test_a_failure_that_no_retry_can_mend_is_given_up_at_once(
    outcome: Outcome, reason: DeadLetterReason
) -> None:
    assert after(outcome, attempts=1, retries=5) == GiveUp(reason)


@pytest.mark.parametrize("outcome", PASSING)
def test_every_other_failure_is_retried(outcome: Outcome) -> None:
    assert after(outcome) == Retry(1000)


def test_the_failures_that_are_retried_are_these() -> None:
    assert {outcome.value for outcome in PASSING} == {
        "bad_status", "throttled", "redirected", "timed_out", "connect_timed_out", "refused",
        "reset", "dns_failed", "tls_failed", "bad_response", "unreachable", "auth_failed",
        "not_asked", "item_failed",
    }  # fmt: skip


@pytest.mark.parametrize("outcome", PASSING)
def test_a_webhook_with_zero_retries_gets_one_attempt(outcome: Outcome) -> None:
    assert after(outcome, attempts=1, retries=0) == GiveUp(DeadLetterReason.EXHAUSTED)


@pytest.mark.parametrize("retries", range(MAX_RETRIES + 1))
def test_retries_are_additional_to_the_first_attempt(retries: int) -> None:
    steps = [after(Outcome.TIMED_OUT, attempts, retries) for attempts in range(1, retries + 2)]

    assert steps[:-1] == [Retry(ms) for ms in (1000, 5000, 30_000, 120_000, 600_000)[:retries]]
    assert steps[-1] == GiveUp(DeadLetterReason.EXHAUSTED)


@pytest.mark.parametrize(
    ("retry_after_s", "delay_ms"),
    [
        (None, 1000),
        (0.0, 1000),
        (0.5, 1000),
        (1.0, 1000),
        (1.1, 1200),
        (1.2, 1200),
        (1.3, 4000),
        (6.0, 6000),
        (6.001, 24_000),
        (3600.0, 3_600_000),
        (4320.0, 4_320_000),
        (1e12, 4_320_000),
    ],
)
def test_retry_after_picks_the_next_tier_at_least_that_long_up_to_the_longest(
    retry_after_s: float | None, delay_ms: int
) -> None:
    assert after_throttling(retry_after_s) == Retry(delay_ms)


def test_retry_after_never_shortens_the_schedule() -> None:
    assert after_throttling(2.0, attempts=3) == Retry(30_000)


def test_retry_after_does_not_prolong_the_number_of_attempts() -> None:
    response = Response(Outcome.THROTTLED, 429, retry_after_s=1.0)
    assert next_step(POLICY, 3, 2, response, on_time) == GiveUp(DeadLetterReason.EXHAUSTED)


def test_retry_after_counts_for_throttling_only() -> None:
    response = Response(Outcome.BAD_STATUS, 500, retry_after_s=3600.0)
    assert next_step(POLICY, 1, 2, response, on_time) == Retry(1000)


def test_each_step_has_a_tier_early_on_time_and_late() -> None:
    assert POLICY.tiers_ms == (
        800, 1000, 1200, 4000, 5000, 6000, 24_000, 30_000, 36_000, 96_000, 120_000, 144_000,
        480_000, 600_000, 720_000, 2_880_000, 3_600_000, 4_320_000,
    )  # fmt: skip


def test_without_jitter_there_is_one_tier_per_step() -> None:
    assert RetryPolicy((1.0, 5.0), jitter=0.0).tiers_ms == (1000, 5000)


def test_jitter_is_a_choice_between_tiers() -> None:
    assert [POLICY.tier_ms(1, choose) for choose in (early, on_time, late)] == [4000, 5000, 6000]


@pytest.mark.parametrize(("step", "delay_ms"), [(0, 1000), (5, 3_600_000), (6, 3_600_000)])
def test_the_last_delay_repeats(step: int, delay_ms: int) -> None:
    assert POLICY.tier_ms(step, on_time) == delay_ms


@pytest.mark.parametrize(
    ("deferrals", "delay_ms"), [(0, 1000), (1, 5000), (2, 30_000), (5, 3_600_000), (99, 3_600_000)]
)
def test_deferrals_grow_with_repetition(deferrals: int, delay_ms: int) -> None:
    delivery = make_delivery(deferrals=deferrals, received_at=NOW - 1e6)
    assert put_off(delivery) == (replace(delivery, deferrals=deferrals + 1), delay_ms)


@pytest.mark.parametrize(
    ("age_s", "delay_ms"), [(0, 120_000), (500, 144_000), (1000, 480_000), (9e9, 3_600_000)]
)
def test_without_a_pause_a_delay_is_no_longer_than_half_the_age(
    age_s: float, delay_ms: int
) -> None:
    delivery = make_delivery(deferrals=9, received_at=NOW - age_s)
    assert put_off(delivery)[1] == delay_ms
    assert put_off(delivery, pause_s=1.0)[1] == 3_600_000


@pytest.mark.parametrize(
    ("pause_s", "delay_ms"), [(0.5, 1000), (4.5, 5000), (6.1, 24_000), (9999.0, 4_320_000)]
)
def test_what_is_for_a_broken_endpoint_is_put_off_for_its_whole_pause(
    pause_s: float, delay_ms: int
) -> None:
    assert put_off(make_delivery(), pause_s=pause_s)[1] == delay_ms
    often = make_delivery(deferrals=99)
    assert put_off(often, pause_s=pause_s)[1] == max(3_600_000, delay_ms)


def put_off(
    delivery: Delivery, wait_s: float | None = None, *, pause_s: float = 0.0, now: float = NOW
) -> tuple[Delivery, int]:
    return deferral(POLICY, delivery, wait_s, pause_s, now, on_time)


def test_an_expected_wait_has_several_parts_and_none_is_too_long() -> None:
    delivery, now, wait_s, parts = make_delivery(), NOW, 201.0, []
    while wait_s:
        delivery, delay_ms = put_off(delivery, wait_s, now=now)
        now += delay_ms / 1000
        wait_s = delivery.waits_on_s(now)
        parts.append(delay_ms)
    assert parts == [120_000, 36_000, 36_000, 6_000, 1_200, 1_200, 1_000]
    assert delivery == make_delivery(deferrals=1)


@pytest.mark.parametrize(
    ("age_s", "delay_ms"), [(0, 120_000), (500, 144_000), (1000, 480_000), (9e9, 4_320_000)]
)
def test_a_part_of_a_wait_is_no_longer_than_half_the_age(age_s: float, delay_ms: int) -> None:
    delivery = make_delivery(received_at=NOW - age_s)
    assert put_off(delivery, 1e6)[1] == delay_ms


def test_a_wait_shorter_than_the_shortest_tier_has_one_part() -> None:
    assert put_off(make_delivery(), 0.1) == (make_delivery(deferrals=1), 1000)


def test_what_comes_back_late_waits_for_less() -> None:
    delivery, _ = put_off(make_delivery(), 10.0)
    assert delivery.waits_on_s(NOW + 7.0) == pytest.approx(3.0)
    assert delivery.waits_on_s(NOW + 11.0) == 0.0


@pytest.mark.parametrize("changed_by_s", [-1e9, -3600.0, 3600.0, 1e9])
def test_a_changed_clock_does_not_prolong_a_wait(changed_by_s: float) -> None:
    delivery, _ = put_off(make_delivery(), 10.0)
    assert 0.0 <= delivery.waits_on_s(NOW + 6.0 + changed_by_s) <= 4.0


@pytest.mark.parametrize(
    ("missed", "delay_ms"), [(0, 1200), (9, 1200), (10, 1000), (11, 5000), (12, 30_000)]
)
def test_a_delivery_that_missed_many_turns_waits_for_longer_and_longer(
    missed: int, delay_ms: int
) -> None:
    delivery, chosen_ms = put_off(make_delivery(deferrals=missed), 1.2 if missed < 10 else 0.3)
    assert (delivery.deferrals, chosen_ms) == (missed + 1, delay_ms)
    assert MISSED_TURNS == 10


def test_a_wait_goes_on_after_the_last_deferral_but_no_other_one_begins() -> None:
    most = POLICY.max_deferrals
    last, _ = put_off(make_delivery(deferrals=most - 1), 10_000.0)
    assert last.deferrals == most
    assert POLICY.may_defer(last, NOW)
    assert not POLICY.may_defer(last, NOW + 10_000.0)
    assert POLICY.may_defer(make_delivery(deferrals=most - 1), NOW)
    assert not POLICY.may_defer(make_delivery(deferrals=most), NOW)


@pytest.mark.parametrize("schedule", [(1.0, 1.0), (5.0, 1.0), (1.0, 5.0, 4.9)])
def test_a_schedule_must_grow(schedule: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="each delay must be longer than the one before it"):
        RetryPolicy(schedule)
