"""Headers with the two times of an event, which are the same in every request for it."""

from collections.abc import Mapping

from service.text.times import rfc3339

OCCURRED_AT = "X-Switchhook-Occurred-At"
RECEIVED_AT = "X-Switchhook-Received-At"


def times_of(received_at: float, occurred_at: float | None) -> Mapping[str, str]:
    """Return the headers; the first one is missing where the switch tells no time."""
    received = {RECEIVED_AT: rfc3339(received_at)}
    return received if occurred_at is None else {OCCURRED_AT: rfc3339(occurred_at), **received}
