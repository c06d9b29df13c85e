"""Times as text, written and read."""

from datetime import UTC, datetime
from functools import lru_cache
from math import modf


def rfc3339(at: float) -> str:
    """Return a time in unix seconds as RFC 3339 has it: UTC, milliseconds."""
    fraction, whole = modf(at)
    # As `datetime.fromtimestamp` rounds, so that a stored time gives the same text.
    milliseconds = int(whole) * 1000 + round(fraction * 1_000_000) // 1000
    return f"{_second(milliseconds // 1000)}.{milliseconds % 1000:03d}Z"


def read_time(text: str) -> datetime:
    """Return a time in ISO 8601, in UTC where it names no zone. Raises ValueError."""
    at = datetime.fromisoformat(text)
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)


@lru_cache(maxsize=1000)
def _second(at: int) -> str:
    """Return a whole second: the events of a second share more than half of the work."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")[:-6]
