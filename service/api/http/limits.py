"""Rate limit: a token bucket for each name."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from service.bounded import BoundedDict

MOST_BUCKETS = 10_000


@dataclass(slots=True)
class Bucket:
    """Requests left, and the time of that count."""

    left: float
    at: float


class RateLimit:
    """`rate_per_s` sustained requests a second, `burst` at once; each worker counts separately."""

    def __init__(
        self, rate_per_s: float, burst: int, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._rate_per_s = rate_per_s
        self.burst = burst
        self._now = now
        self._buckets = BoundedDict[str, Bucket](MOST_BUCKETS)

    def take(self, name: str) -> bool:
        """Return whether one more request is allowed, and count it."""
        bucket = self._filled(name)
        if bucket.left < 1:
            return False
        bucket.left -= 1
        return True

    def give_back(self, name: str) -> None:
        """Undo one `take`, for a request that turns out to count for another name."""
        bucket = self._filled(name)
        bucket.left = min(float(self.burst), bucket.left + 1)

    def wait_s(self, name: str) -> float:
        """Return the seconds until one request is allowed again."""
        return max(0.0, (1 - self._filled(name).left) / self._rate_per_s)

    def headers(self, name: str) -> Mapping[str, str]:
        """Return the `RateLimit-` headers: burst, requests left, seconds until it is full."""
        bucket = self._filled(name)
        full_s = (self.burst - bucket.left) / self._rate_per_s
        return {
            "RateLimit-Limit": str(self.burst),
            "RateLimit-Remaining": str(int(bucket.left)),
            "RateLimit-Reset": str(round(full_s + 0.5)),
        }

    def _filled(self, name: str) -> Bucket:
        now = self._now()
        bucket = self._buckets.get(name) or Bucket(float(self.burst), now)
        self._buckets[name] = bucket
        bucket.left = min(float(self.burst), bucket.left + (now - bucket.at) * self._rate_per_s)
        bucket.at = now
        return bucket
