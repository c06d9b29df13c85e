"""Retry policy: the decision that follows each attempt, and the delays."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Annotated, ClassVar

from annotated_types import Ge, Le, Len

from service.domain.delivery import DeadLetterReason, Delivery, Outcome, Response

MAX_RETRIES = 5
MISSED_TURNS = 10
"""Deferrals after which the delays grow, whatever wait is expected: the expectation is wrong."""
LONGEST_PART_S = 120.0
"""Longest part of a wait, for a delivery up to twice as old: the expectation may be wrong."""
DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """The platform's retry schedule; a webhook chooses only its number of retries."""

    __pydantic_config__: ClassVar = {"extra": "forbid", "use_attribute_docstrings": True}

    schedule: Annotated[tuple[Annotated[float, Ge(0.05), Le(DAY_S)], ...], Len(1, 20)] = (
        1.0, 5.0, 30.0, 120.0, 600.0, 3600.0,
    )  # fmt: skip
    """Seconds before the first retry, the second, and so on; the last delay repeats. Each delay
    must be longer than the one before it."""
    jitter: Annotated[float, Ge(0.0), Le(0.5)] = 0.2
    """Share of a delay by which it may be shortened or lengthened."""
    max_deferrals: Annotated[int, Ge(1), Le(10_000)] = 30
    """Consecutive deferrals of a delivery before it is given up. By the default schedule they
    take a day while the endpoint is paused, and 14 hours or more while it is busy or silent."""

    def __post_init__(self) -> None:
        if any(later <= earlier for earlier, later in pairwise(self.schedule)):
            raise ValueError("each delay must be longer than the one before it")

    @property
    def tiers_ms(self) -> tuple[int, ...]:
        """Delays that have a queue, ascending: each step of the schedule early, on time and late.

        Each queue has one fixed delay, as a longer delay at its head would hold up shorter ones.
        Jitter therefore chooses between queues.
        """
        return _tiers_ms(self.schedule, self.jitter)

    def tier_ms(self, step: int, choose: Callable[[tuple[int, int, int]], int]) -> int:
        """Return the delay of the schedule's `step`, counted from 0; `choose` picks the jitter."""
        return choose(_spread(self.schedule[min(step, len(self.schedule) - 1)], self.jitter))

    def tier_at_least_ms(self, delay_s: float) -> int:
        """Return the shortest tier of at least `delay_s`, or else the longest tier."""
        tiers = self.tiers_ms
        return next((tier for tier in tiers if tier >= delay_s * 1000), tiers[-1])

    def tier_at_most_ms(self, delay_s: float) -> int | None:
        """Return the longest tier of at most `delay_s`; None if there is none."""
        return next((tier for tier in reversed(self.tiers_ms) if tier <= delay_s * 1000), None)

    def may_defer(self, delivery: Delivery, now: float) -> bool:
        """Return whether a delivery may be deferred once more, or wait on in its last deferral."""
        return delivery.deferrals < self.max_deferrals or delivery.waits_on_s(now) > 0.0


@lru_cache(maxsize=100)
def _tiers_ms(schedule: tuple[float, ...], jitter: float) -> tuple[int, ...]:
    return tuple(sorted({delay for step_s in schedule for delay in _spread(step_s, jitter)}))


@lru_cache(maxsize=1000)
def _spread(step_s: float, jitter: float) -> tuple[int, int, int]:
    on_time = round(step_s * 1000)
    return (round(on_time * (1 - jitter)), on_time, round(on_time * (1 + jitter)))


@dataclass(frozen=True, slots=True)
class Delivered:
    """The receiver accepted the delivery."""


@dataclass(frozen=True, slots=True)
class Retry:
    """Make another attempt after `delay_ms`, which is one of the policy's tiers."""

    delay_ms: int


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Keep the delivery as a dead letter."""

    reason: DeadLetterReason


@dataclass(frozen=True, slots=True)
class FallBack:
    """Make one attempt at the webhook's fallback; those at its own URI are used up."""


@dataclass(frozen=True, slots=True)
class Withheld:
    """Shadow mode: send nothing now or later, because another service delivers."""


NextStep = Delivered | Withheld | Retry | FallBack | GiveUp

_REASONS = {
    Outcome.GONE: DeadLetterReason.GONE,
    Outcome.EGRESS_REFUSED: DeadLetterReason.EGRESS_REFUSED,
    Outcome.INVALID_REQUEST: DeadLetterReason.INVALID_REQUEST,
    Outcome.EXPIRED: DeadLetterReason.EXPIRED,
}
DELIVERED = Delivered()
WITHHELD = Withheld()
FALL_BACK = FallBack()


def next_step(
    policy: RetryPolicy,
    attempts: int,
    retries: int,
    response: Response,
    choose: Callable[[tuple[int, int, int]], int],
    *,
    has_fallback: bool = False,
) -> NextStep:
    """Decide the step after attempt number `attempts`; `retries` are allowed after the first."""
    if response.outcome.succeeded:
        return DELIVERED
    if response.outcome is Outcome.SHADOWED:
        return WITHHELD
    if not response.outcome.may_pass:
        return GiveUp(_REASONS[response.outcome])
    if attempts > retries:
        return FALL_BACK if has_fallback else GiveUp(DeadLetterReason.EXHAUSTED)
    delay_ms = policy.tier_ms(attempts - 1, choose)
    if response.outcome is Outcome.THROTTLED and response.retry_after_s is not None:
        delay_ms = max(delay_ms, policy.tier_at_least_ms(response.retry_after_s))
    return Retry(delay_ms)


def deferral(
    policy: RetryPolicy,
    delivery: Delivery,
    wait_s: float | None,
    pause_s: float,
    now: float,
    choose: Callable[[tuple[int, int, int]], int],
) -> tuple[Delivery, int]:
    """Return the delivery deferred, and the delay in milliseconds, which is one of the tiers.

    `wait_s` is the expected wait for its turn, `now` is in unix seconds. The tier is not longer:
    back early, the delivery waits on in another tier; back late, its endpoint would have been idle.
    Nor is it longer than half the delivery's age, from `LONGEST_PART_S` on. All parts of a wait
    count as one deferral. Without an expectation the delay grows with each deferral, up to the same
    limit as long as the endpoint is not paused.

    `pause_s` is the full length of the endpoint's present pause; the delay is at least as long. A
    shorter one would end in another deferral, and waiting just for the end of the pause would
    release all deliveries at the same time.
    """
    deferrals = delivery.deferrals
    longest_s = max(LONGEST_PART_S, (now - delivery.received_at) / 2)
    if wait_s is None:
        delay_ms = policy.tier_ms(deferrals, choose)
        if not pause_s:
            delay_ms = min(delay_ms, policy.tier_at_most_ms(longest_s) or delay_ms)
        return delivery.put_off(deferrals + 1), max(delay_ms, policy.tier_at_least_ms(pause_s))
    if not delivery.waits_on_s(now):
        if deferrals >= MISSED_TURNS:
            wait_s = max(wait_s, policy.tier_ms(deferrals - MISSED_TURNS, choose) / 1000)
        deferrals += 1
    delay_ms = policy.tier_at_most_ms(min(wait_s, longest_s)) or policy.tier_ms(0, choose)
    left_s = wait_s - delay_ms / 1000
    # Not worth another part: it would take longer than the wait.
    if left_s * 1000 < policy.tiers_ms[0] / 2:
        return delivery.put_off(deferrals), delay_ms
    return delivery.put_off(deferrals, left_s, now + wait_s), delay_ms
