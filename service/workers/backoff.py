"""Backoff: the pause before a worker that died is started again."""

from dataclasses import dataclass

FIRST_PAUSE_S = 0.1
QUICK = 6
"""Deaths followed by the first pause: poison kills five workers before it is moved away."""
DOUBLED_FROM_S = 0.5
LONGEST_PAUSE_S = 30.0
RAN_WELL_S = 30.0
TOO_OFTEN = 3


@dataclass(slots=True)
class Backoff:
    """Short pauses at first, then doubling ones; a worker that ran well resets the count."""

    deaths: int = 0
    pause_s: float = 0.0

    def after_death(self, lived_s: float) -> float:
        """Count the death of a worker that lived for `lived_s`; return the pause that follows."""
        if lived_s >= RAN_WELL_S:
            self.deaths = 0
        self.deaths += 1
        if self.deaths <= QUICK:
            self.pause_s = FIRST_PAUSE_S
        else:
            self.pause_s = min(max(2 * self.pause_s, DOUBLED_FROM_S), LONGEST_PAUSE_S)
        return self.pause_s

    @property
    def hopeless(self) -> bool:
        """Whether the worker died so often in a row that an operator should look."""
        return self.deaths >= TOO_OFTEN
