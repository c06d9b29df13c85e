"""Rule that disables a webhook after repeated failures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from annotated_types import Ge, Gt, Le

TOO_MANY_FAILURES = "too many failed attempts"
"""The reason that the switches' own consoles show."""
GONE = "the endpoint answered 410 Gone"


@dataclass(frozen=True, slots=True)
class DisablePolicy:
    """How many failed attempts within a window, without a success between them, disable."""

    __pydantic_config__: ClassVar = {"extra": "forbid", "use_attribute_docstrings": True}

    failure_count: Annotated[int, Ge(1), Le(1000)] = 6
    """Failed attempts within the window that disable a webhook."""
    window_s: Annotated[float, Gt(0.0), Le(86_400.0)] = 60.0
    """Length of the window in seconds; older failures do not count."""

    def passed_half(self, failures: Sequence[float], newest: int, now: float) -> bool:
        """Return whether the last `newest` of these failures reached half of `failure_count`."""
        half, counted = (self.failure_count + 1) // 2, self.counted(failures, now)
        return self.failure_count > 1 and counted - newest < half <= counted

    def exceeded(self, failures: Sequence[float], now: float) -> bool:
        """Return whether these failures since the last success, in unix seconds, must disable."""
        return self.counted(failures, now) >= self.failure_count

    def counted(self, failures: Sequence[float], now: float) -> int:
        """Return how many of these failures, in unix seconds, are within the window."""
        return sum(at > now - self.window_s for at in failures)


@dataclass(frozen=True, slots=True)
class HealthReport:
    """A webhook's recent attempts in one worker, for the count over all workers.

    `failures` are the times since the last success, in unix seconds; `succeeded` tells whether
    there was a success before them. `keep` is how many failures the store keeps.
    """

    webhook_id: str
    failures: tuple[float, ...]
    succeeded: bool
    keep: int


def policy_in(document: Mapping[str, Any]) -> DisablePolicy | None:
    """Return the policy in the member `disable` of an account's document, if it is a valid one.

    `{failure_count, window_s}`; a missing member has its default.
    """
    given = document.get("disable")
    if not isinstance(given, dict):
        return None
    policy = DisablePolicy(**{key: value for key, value in given.items() if key in MEMBERS})
    count, window_s = policy.failure_count, policy.window_s
    usable = isinstance(count, int) and isinstance(window_s, int | float)
    return policy if usable and 1 <= count <= 1000 and 0 < window_s <= 86_400 else None


MEMBERS = ("failure_count", "window_s")
