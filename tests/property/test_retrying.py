from itertools import count

from hypothesis import given
from hypothesis import strategies as st

from service.domain.delivery import DeadLetterReason, Outcome, Response
from service.domain.retry import (
    MAX_RETRIES,
    Delivered,
    GiveUp,
    Retry,
    RetryPolicy,
    deferral,
    next_step,
)
from tests.builders import NOW, make_delivery

schedules = st.lists(
    st.floats(0.05, 86_400.0), min_size=1, max_size=20, unique_by=lambda delay_s: delay_s
).map(lambda delays: tuple(sorted(delays)))
policies = st.builds(RetryPolicy, schedules, st.floats(0.0, 0.5))
responses = st.builds(
    Response,
    outcome=st.sampled_from(Outcome),
    retry_after_s=st.none() | st.floats(0.0, 1e12),
)
failures = responses.filter(
    lambda response: response.outcome not in (Outcome.SUCCEEDED, Outcome.SHADOWED)
)
choices = st.integers(0, 2)


@given(policies, st.integers(1, 6), st.integers(0, MAX_RETRIES), responses, choices)
def test_every_delay_is_a_tier(
    policy: RetryPolicy, attempts: int, retries: int, response: Response, choice: int
) -> None:
    step = next_step(policy, attempts, retries, response, lambda delays: delays[choice])
    if isinstance(step, Retry):
        assert step.delay_ms in policy.tiers_ms


@given(policies, st.integers(0, 50), st.none() | st.floats(0, 1e6), st.floats(0, 1e6), choices)
def test_every_deferral_is_a_tier(
    policy: RetryPolicy, deferrals: int, wait_s: float | None, pause_s: float, choice: int
) -> None:
    delivery = make_delivery(deferrals=deferrals)
    later, delay_ms = deferral(
        policy, delivery, wait_s, pause_s, NOW, lambda delays: delays[choice]
    )
    assert delay_ms in policy.tiers_ms
    assert later.deferrals == deferrals + 1


@given(policies, st.floats(0, 1e6), choices)
def test_a_wait_ends_at_most_the_first_delay_late(
    policy: RetryPolicy, wait_s: float, choice: int
) -> None:
    delivery, now, left_s = make_delivery(), 0.0, wait_s
    for _ in range(100):
        delivery, delay_ms = deferral(
            policy, delivery, left_s, 0, now, lambda delays: delays[choice]
        )
        now += delay_ms / 1000
        if not (left_s := delivery.waits_on_s(now)):
            break
    assert delivery.deferrals == 1
    assert now <= wait_s + policy.tier_ms(0, max) / 1000 + 1e-3


@given(policies)
def test_tiers_grow_and_stay_near_the_schedule(policy: RetryPolicy) -> None:
    tiers = policy.tiers_ms
    assert list(tiers) == sorted(set(tiers))
    assert {round(delay_s * 1000) for delay_s in policy.schedule} <= set(tiers)
    assert len(tiers) <= 3 * len(policy.schedule)
    # A delay is rounded to milliseconds before its jitter is, and again after it.
    assert tiers[0] >= round(policy.schedule[0] * 1000) * 0.5 - 0.5
    assert tiers[-1] <= round(policy.schedule[-1] * 1000) * 1.5 + 0.5


@given(policies, st.floats(0.0, 1e7))
def test_the_tier_for_a_wish_is_the_shortest_that_grants_it(
    policy: RetryPolicy, delay_s: float
) -> None:
    tier = policy.tier_at_least_ms(delay_s)
    granting = [ms for ms in policy.tiers_ms if ms >= delay_s * 1000]
    assert tier == (min(granting) if granting else max(policy.tiers_ms))


@given(policies, st.integers(0, MAX_RETRIES), st.lists(failures, min_size=1, max_size=10))
def test_a_delivery_gets_no_more_attempts_than_its_retries_and_one(
    policy: RetryPolicy, retries: int, answers: list[Response]
) -> None:
    for attempts in count(1):
        response = answers[(attempts - 1) % len(answers)]
        step = next_step(policy, attempts, retries, response, lambda delays: delays[1])
        if not isinstance(step, Retry):
            break
        assert attempts <= retries
    assert isinstance(step, GiveUp)
    assert attempts <= retries + 1
    exhausted = step.reason is DeadLetterReason.EXHAUSTED
    assert exhausted == response.outcome.may_pass
    assert not exhausted or attempts == retries + 1


@given(policies, st.integers(1, 6), st.integers(0, MAX_RETRIES))
def test_success_is_the_end_of_it(policy: RetryPolicy, attempts: int, retries: int) -> None:
    taken = Response(Outcome.SUCCEEDED, 200)
    assert next_step(policy, attempts, retries, taken, max) == Delivered()
