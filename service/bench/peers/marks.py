"""Figures from the marks of events, in the order of their arrival. No I/O."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from service.domain.errors import SwitchhookError


@dataclass(frozen=True, slots=True)
class Arrival:
    """One request: which event of which call it brought, and the age of the event."""

    call_id: str
    number: int
    age_s: float


def arrival_of(mark: str, at_ns: int) -> Arrival:
    """Read a mark, see `events.Event.body`. Raises SwitchhookError if it is none."""
    match mark.split("|"):
        case ["mark", call_id, number, due_ns]:
            return Arrival(call_id, int(number), (at_ns - int(due_ns)) / 1e9)
    raise SwitchhookError(f"not a mark: {mark!r}")


def lost(arrivals: Sequence[Arrival], published: int) -> int:
    """Return how many of the published events did not arrive."""
    return published - len({arrival.number for arrival in arrivals})


def duplicates(arrivals: Sequence[Arrival]) -> int:
    """Return how many arrivals brought an event that had arrived before."""
    return sum(count - 1 for count in Counter(each.number for each in arrivals).values())


def overtaken(arrivals: Sequence[Arrival]) -> int:
    """Return how many events first arrived after a later event of their call."""
    newest: dict[str, int] = {}
    seen: set[int] = set()
    late = 0
    for arrival in arrivals:
        if arrival.number in seen:
            continue
        seen.add(arrival.number)
        late += arrival.number < newest.get(arrival.call_id, -1)
        newest[arrival.call_id] = max(arrival.number, newest.get(arrival.call_id, -1))
    return late
