"""Bound of what live streams may cost: a token bucket."""

from collections.abc import Callable

AT_ONCE_S = 2.0
"""Seconds' worth that may come at once."""


class Allowance:
    """Lets `rate_per_s` through, and twice as many at once."""

    def __init__(self, rate_per_s: float, now: Callable[[], float]) -> None:
        self._rate_per_s = rate_per_s
        self._most = rate_per_s * AT_ONCE_S
        self._left = self._most
        self._now = now
        self._at = now()

    def take(self) -> bool:
        """Return whether one more may pass, and count it."""
        now = self._now()
        self._left = min(self._most, self._left + (now - self._at) * self._rate_per_s)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True
