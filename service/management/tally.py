"""Sum of attempts with the same key and about the same duration."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from math import ceil

BANDS_PER_OCTAVE = 4
"""A band is 19 % wide: precise enough for a percentile at a glance."""


@dataclass(frozen=True, slots=True)
class Tally:
    """`count` attempts of `key` whose duration in milliseconds is in the band.

    `key` is the id of a webhook or account, or a URI.
    """

    key: str
    succeeded: bool
    band: int
    count: int
    hour: datetime | None = None
    """The hour of their start."""
    account_id: str | None = None

    @property
    def longest_ms(self) -> float:
        """The end of the band."""
        return float(round(2.0 ** ((self.band + 1) / BANDS_PER_OCTAVE), 1))


@dataclass(frozen=True, slots=True)
class Figures:
    """Attempts, successes, and a duration that 95 % of the attempts did not exceed."""

    attempts: int
    succeeded: int
    p95_ms: float | None

    @property
    def failed(self) -> int:
        """Attempts that did not succeed."""
        return self.attempts - self.succeeded

    @property
    def share(self) -> float | None:
        """Share of successes, or None without an attempt."""
        return self.succeeded / self.attempts if self.attempts else None


def figures_of(tallies: Iterable[Tally]) -> Figures:
    """Return the figures of these tallies together."""
    known = sorted(tallies, key=lambda tally: tally.band)
    attempts = sum(tally.count for tally in known)
    succeeded = sum(tally.count for tally in known if tally.succeeded)
    left = ceil(attempts * 0.95)
    for tally in known:
        left -= tally.count
        if left <= 0:
            return Figures(attempts, succeeded, tally.longest_ms)
    return Figures(attempts, succeeded, None)
