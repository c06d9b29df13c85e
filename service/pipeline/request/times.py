"""Headers with the two times of an event, which are the same in every request for it."""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from math import modf

OCCURRED_AT = "X-Switchhook-Occurred-At"
RECEIVED_AT = "X-Switchhook-Received-At"


def times_of(received_at: float, occurred_at: float | None) -> Mapping[str, str]:
    """Return the headers; the first one is missing where the switch tells no time."""
    received = {RECEIVED_AT: _text(received_at)}
    return received if occurred_at is None else {OCCURRED_AT: _text(occurred_at), **received}


def _text(at: float) -> str:
    """Return a time as RFC 3339 has it: UTC, milliseconds."""
    fraction, whole = modf(at)
    # As `datetime.fromtimestamp` rounds, so that a stored time gives the same text.
    milliseconds = int(whole) * 1000 + round(fraction * 1_000_000) // 1000
    return f"{_second(milliseconds // 1000)}.{milliseconds % 1000:03d}Z"


@lru_cache(maxsize=1000)
def _second(at: int) -> str:
    """Return a whole second: the events of a second share two thirds of the work."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")[:-6]
