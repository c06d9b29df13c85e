"""Freshness: for how long an event is of use, by class of hook."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, ClassVar

from annotated_types import Ge, Le

from service.domain.immutable import immutable

MOST_MAX_AGE_S = 604_800.0
"""A week: longer than any retry."""
DAY_S = 86_400.0

MaxAge = Annotated[float, Ge(0.0), Le(MOST_MAX_AGE_S)]


class Freshness(StrEnum):
    """Class of a hook, by the time for which its events are of use."""

    LIVE = "live"
    """A step of a call or conversation in progress."""
    STATE = "state"
    """A state that the next event replaces, such as a registration."""
    RECORD = "record"
    """The end of a call, a message, a recording, a change of an object: of use for ever."""


@immutable
class Expiry:
    """The age of an event in seconds, and the limit that it exceeds."""

    age_s: float
    max_age_s: float

    @property
    def detail(self) -> str:
        """The same in words."""
        return f"{self.age_s:.1f} s old; the limit is {self.max_age_s:g} s"


@dataclass(frozen=True, slots=True)
class FreshnessPolicy:
    """The platform's age limits by class; a webhook may have its own `max_age_s`."""

    __pydantic_config__: ClassVar = {"extra": "forbid", "use_attribute_docstrings": True}

    live_s: MaxAge = 120.0
    """Most seconds of age of a live event, such as a ringing phone, at an attempt. An older one is
    not sent: it becomes a dead letter with reason `expired`. 0 means no limit."""
    state_s: MaxAge = 900.0
    """The same for events that tell a state, such as a registration."""
    clock_skew_s: Annotated[float, Ge(0.0), Le(DAY_S)] = 5.0
    """Most seconds between an event's time by the switch's clock and its arrival for which age
    counts from the former; beyond it, the clock counts as wrong and age counts from the arrival.
    With clocks kept by NTP, a higher value lets events expire that waited on the broker while
    Switchhook was stopped."""

    def limit_s(self, kind: Freshness) -> float:
        """Return the most seconds of age of a class; 0 means no limit."""
        if kind is Freshness.LIVE:
            return self.live_s
        return self.state_s if kind is Freshness.STATE else 0.0
