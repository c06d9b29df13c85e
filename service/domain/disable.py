"""When a webhook that fails and fails is switched off."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar

from annotated_types import Ge, Gt, Le

TOO_MANY_FAILURES = "too many failed attempts"
"""What Kazoo writes, and its consoles show."""
GONE = "the endpoint answered 410 Gone"


@dataclass(frozen=True, slots=True)
class DisablePolicy:
    """Kazoo's rule: so many failed attempts within a window, with no success between them."""

    __pydantic_config__: ClassVar = {"extra": "forbid", "use_attribute_docstrings": True}

    failure_count: Annotated[int, Ge(1), Le(1000)] = 6
    """Failed attempts within the window that disable a webhook."""
    window_s: Annotated[float, Gt(0.0), Le(86_400.0)] = 60.0
    """Seconds that a failed attempt counts for."""

    def exceeded(self, failures: Sequence[float], now: float) -> bool:
        """Return whether these failures since the last success, as unix seconds, are too many."""
        return self.counted(failures, now) >= self.failure_count

    def counted(self, failures: Sequence[float], now: float) -> int:
        """Return how many of these failures, as unix seconds, are within the window."""
        return sum(at > now - self.window_s for at in failures)
