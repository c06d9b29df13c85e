"""Headers with the two times of an event, which are the same in every request for it."""

from collections.abc import Mapping
from datetime import UTC, datetime

OCCURRED_AT = "X-Switchhook-Occurred-At"
RECEIVED_AT = "X-Switchhook-Received-At"


def times_of(received_at: float, occurred_at: float | None) -> Mapping[str, str]:
    """Return the headers; the first one is missing where the switch tells no time."""
    received = {RECEIVED_AT: _text(received_at)}
    return received if occurred_at is None else {OCCURRED_AT: _text(occurred_at), **received}


def _text(at: float) -> str:
    """Return a time as RFC 3339 has it: UTC, milliseconds."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")[:-6] + "Z"
