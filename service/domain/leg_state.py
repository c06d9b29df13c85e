"""What a switch says of a leg when it is asked."""

from collections.abc import Iterable
from enum import StrEnum


class LegState(StrEnum):
    """State of a leg; the values are metric labels."""

    THERE = "there"
    GONE = "gone"
    UNKNOWN = "unknown"
    """No answer, or none that can be read."""


def agreed(states: Iterable[LegState]) -> LegState:
    """Return what several answers come to: whoever has the leg is right, silence says nothing."""
    found = set(states)
    for state in (LegState.THERE, LegState.GONE):
        if state in found:
            return state
    return LegState.UNKNOWN
