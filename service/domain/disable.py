"""When a webhook that fails and fails is switched off."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from annotated_types import Ge, Gt, Le

TOO_MANY_FAILURES = "too many failed attempts"
"""The reason that switches' own consoles show."""
GONE = "the endpoint answered 410 Gone"


@dataclass(frozen=True, slots=True)
class DisablePolicy:
    """So many failed attempts within a window, with no success between them."""

    __pydantic_config__: ClassVar = {"extra": "forbid", "use_attribute_docstrings": True}

    failure_count: Annotated[int, Ge(1), Le(1000)] = 6
    """Failed attempts within the window that disable a webhook."""
    window_s: Annotated[float, Gt(0.0), Le(86_400.0)] = 60.0
    """Seconds that a failed attempt counts for."""

    def passed_half(self, failures: Sequence[float], newest: int, now: float) -> bool:
        """Return whether the `newest` of these failures made it half of what is too many."""
        half, counted = (self.failure_count + 1) // 2, self.counted(failures, now)
        return self.failure_count > 1 and counted - newest < half <= counted

    def exceeded(self, failures: Sequence[float], now: float) -> bool:
        """Return whether these failures since the last success, as unix seconds, are too many."""
        return self.counted(failures, now) >= self.failure_count

    def counted(self, failures: Sequence[float], now: float) -> int:
        """Return how many of these failures, as unix seconds, are within the window."""
        return sum(at > now - self.window_s for at in failures)


@dataclass(frozen=True, slots=True)
class HealthReport:
    """How a webhook fared in one worker of late.

    `failures` are unix seconds, of those since the last success; `succeeded` tells of a success
    before them. `keep` is how many failures are worth keeping.
    """

    webhook_id: str
    failures: tuple[float, ...]
    succeeded: bool
    keep: int


def policy_in(document: Mapping[str, Any]) -> DisablePolicy | None:
    """Return the policy that an account's document has as `disable`, if it has a usable one.

    `{failure_count, window_s}`; a member that is missing has its default.
    """
    given = document.get("disable")
    if not isinstance(given, dict):
        return None
    policy = DisablePolicy(**{key: value for key, value in given.items() if key in MEMBERS})
    count, window_s = policy.failure_count, policy.window_s
    usable = isinstance(count, int) and isinstance(window_s, int | float)
    return policy if usable and 1 <= count <= 1000 and 0 < window_s <= 86_400 else None


MEMBERS = ("failure_count", "window_s")
