"""Times as text."""

from datetime import UTC, datetime
from functools import lru_cache
from math import modf


def rfc3339(at: float) -> str:
    """Return a time in unix seconds as RFC 3339 has it: UTC, milliseconds."""
    fraction, whole = modf(at)
    # As `datetime.fromtimestamp` rounds, so that a stored time gives the same text.
    milliseconds = int(whole) * 1000 + round(fraction * 1_000_000) // 1000
    return f"{_second(milliseconds // 1000)}.{milliseconds % 1000:03d}Z"


@lru_cache(maxsize=1000)
def _second(at: int) -> str:
    """Return a whole second: the events of a second share more than half of the work."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")[:-6]
