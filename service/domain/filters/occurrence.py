"""An event as clauses see it: its payload, what its dialect knows of the call, and its time."""

from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from typing import Any, Final, Literal

from service.domain.immutable import immutable

Payload = Mapping[str, Any]


class Absence(Enum):
    """The type of `ABSENT`, so that types can name it."""

    ABSENT = "absent"


DAY_S = 86_400
ABSENT: Final = Absence.ABSENT
"""What a clause finds where the event lacks the member; an event may have the value null."""


def _unknown(_: Payload) -> Any:
    return ABSENT


@immutable
class CallFacts:
    """Reads from a dialect's payloads what clauses ask of a call; `ABSENT` where it is not there.

    `direction` is `inbound` or `outbound`, `duration_s` a number, `at` unix seconds.
    """

    direction: Callable[[Payload], Any] = _unknown
    caller: Callable[[Payload], Any] = _unknown
    callee: Callable[[Payload], Any] = _unknown
    internal_leg: Callable[[Payload], Any] = _unknown
    duration_s: Callable[[Payload], Any] = _unknown
    at: Callable[[Payload], float | Literal[Absence.ABSENT]] = _unknown


NO_FACTS = CallFacts()


@immutable
class LegPlace:
    """The leg of an event among those of its conversation, as they were when the event came.

    It is the same when the event is delivered again.
    """

    is_first: bool
    """Whether no leg of the conversation was seen earlier."""
    ends_last: bool
    """Whether the event ends the leg that was there last; another may begin later."""


@immutable
class Occurrence:
    """One event for one webhook."""

    payload: Payload
    """In the version that the webhook gets, before its `custom_data` and its masks."""
    call: CallFacts
    received_at: float
    """Unix seconds; the time of an event that tells none."""
    place: LegPlace | None = None
    """Its leg among those of its call; None for an event that belongs to no call."""

    @property
    def at(self) -> float:
        """When it happened, in unix seconds; a time in the far future is not believed."""
        at = self.call.at(self.payload)
        if at is ABSENT or not 0 <= at <= self.received_at + DAY_S:
            return self.received_at
        return at


def reader_of(path: str) -> Callable[[Payload], Any]:
    """Return a function that returns the value at a path of names, or `ABSENT`.

    A number in the path is the position in a list.
    """
    first, *rest = path.split(".")
    if not rest:
        return lambda payload: payload.get(first, ABSENT)
    return lambda payload: _below(payload.get(first, ABSENT), rest)


def _below(value: Any, names: Sequence[str]) -> Any:
    for name in names:
        if isinstance(value, Mapping):
            value = value.get(name, ABSENT)
        elif isinstance(value, list) and name.isdecimal() and int(name) < len(value):
            value = value[int(name)]
        else:
            return ABSENT
    return value
