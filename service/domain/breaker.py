"""When an endpoint that fails and fails is left alone for a while."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from annotated_types import Ge, Gt, Le


@dataclass(frozen=True, slots=True)
class BreakerPolicy:
    """How soon, and for how long."""

    __pydantic_config__: ClassVar = {"extra": "forbid", "use_attribute_docstrings": True}

    failure_count: Annotated[int, Ge(1), Le(10_000)] = 10
    """Failures of an endpoint in a row that open its breaker; then its deliveries are deferred."""
    open_s: Annotated[float, Gt(0.0), Le(3600.0)] = 5.0
    """Seconds until one attempt is made to see whether it works again; doubled when it does not."""
    max_open_s: Annotated[float, Gt(0.0), Le(86_400.0)] = 120.0
    """The longest time between two such attempts."""


class Breaker:
    """One endpoint's breaker: closed, open, or half open with one attempt under way.

    Times are of one clock, in seconds. Whatever ends well closes it, also when it began before.
    """

    __slots__ = ("_failures", "_open_until", "_openings", "_probing", "pause_s")

    def __init__(self) -> None:
        self._failures = 0
        self._openings = 0
        self._open_until = 0.0
        self.pause_s = 0.0
        """How long it is open this time, from attempt to attempt; 0 where it is closed."""
        self._probing = False

    @property
    def closed(self) -> bool:
        """Whether attempts are made as usual."""
        return self._openings == 0

    @property
    def spotless(self) -> bool:
        """Whether nothing would be lost by forgetting it."""
        return self._failures == 0 and self._openings == 0

    def admits(self, now: float) -> bool:
        """Return whether an attempt may be made; where it is half open, that is the only one."""
        if self._openings == 0:
            return True
        if self._probing or now < self._open_until:
            return False
        self._probing = True
        return True

    def succeeded(self) -> bool:
        """Close; return whether it was open."""
        was_open = self._openings > 0
        self._failures = self._openings = 0
        self.pause_s = 0.0
        self._probing = False
        return was_open

    def failed(self, policy: BreakerPolicy, now: float) -> bool:
        """Count a failure; return whether it opened just now."""
        self._failures += 1
        if self._openings > 0 and not self._probing:
            return False  # it began before the breaker opened
        if self._openings == 0 and self._failures < policy.failure_count:
            return False
        self._openings += 1
        self._probing = False
        longer = policy.open_s * 2.0 ** min(self._openings - 1, 20)
        self.pause_s = min(longer, policy.max_open_s)
        self._open_until = now + self.pause_s
        return self._openings == 1

    def abandoned(self) -> None:
        """Note an attempt that ended without an answer to the question: it was cancelled."""
        self._probing = False

    def stale(self, policy: BreakerPolicy, now: float) -> bool:
        """Return whether it is open and has not been used for long."""
        return self._openings > 0 and now > self._open_until + policy.max_open_s
