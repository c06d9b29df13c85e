"""Circuit breaker of an endpoint: pauses attempts after repeated failures."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from annotated_types import Ge, Gt, Le


@dataclass(frozen=True, slots=True)
class BreakerPolicy:
    """When a circuit breaker opens, and for how long."""

    __pydantic_config__: ClassVar = {"extra": "forbid", "use_attribute_docstrings": True}

    failure_count: Annotated[int, Ge(1), Le(10_000)] = 10
    """Consecutive failures of an endpoint that open its circuit breaker; an open one defers the
    endpoint's deliveries."""
    open_s: Annotated[float, Gt(0.0), Le(3600.0)] = 5.0
    """Seconds until one trial attempt is made; doubled each time that the trial fails."""
    max_open_s: Annotated[float, Gt(0.0), Le(86_400.0)] = 120.0
    """Longest time between two trial attempts, in seconds."""


class Breaker:
    """One endpoint's circuit breaker: closed, open, or half open with one trial under way.

    Times are of one clock, in seconds. Any success closes it, also one of an attempt that began
    before it opened.
    """

    __slots__ = ("_failures", "_open_until", "_openings", "_probing", "pause_s")

    def __init__(self) -> None:
        self._failures = 0
        self._openings = 0
        self._open_until = 0.0
        self.pause_s = 0.0
        """Seconds from the last failure to the next trial attempt; 0 while it is closed."""
        self._probing = False

    @property
    def closed(self) -> bool:
        """Whether every attempt is admitted."""
        return self._openings == 0

    @property
    def spotless(self) -> bool:
        """Whether it is closed and has counted no failure, so that it can be forgotten."""
        return self._failures == 0 and self._openings == 0

    def admits(self, now: float) -> bool:
        """Return whether an attempt may be made; once the pause is over, one trial attempt may."""
        if self._openings == 0:
            return True
        if self._probing or now < self._open_until:
            return False
        self._probing = True
        return True

    def succeeded(self) -> bool:
        """Close the breaker; return whether it was open."""
        was_open = self._openings > 0
        self._failures = self._openings = 0
        self.pause_s = 0.0
        self._probing = False
        return was_open

    def failed(self, policy: BreakerPolicy, now: float) -> bool:
        """Count a failure; return whether this failure opened the closed breaker."""
        self._failures += 1
        if self._openings > 0 and not self._probing:
            return False  # the attempt began before the breaker opened
        if self._openings == 0 and self._failures < policy.failure_count:
            return False
        self._openings += 1
        self._probing = False
        longer = policy.open_s * 2.0 ** min(self._openings - 1, 20)
        self.pause_s = min(longer, policy.max_open_s)
        self._open_until = now + self.pause_s
        return self._openings == 1

    def abandoned(self) -> None:
        """End a trial attempt without a result, so that another may be made."""
        self._probing = False

    def stale(self, policy: BreakerPolicy, now: float) -> bool:
        """Return whether it is open, and its trial has been due for more than `max_open_s`."""
        return self._openings > 0 and now > self._open_until + policy.max_open_s
