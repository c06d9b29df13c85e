"""Times of the week in a time zone: days, and a window that may go over midnight."""

from collections.abc import Mapping
from datetime import datetime, tzinfo
from typing import Any

from service.domain.immutable import immutable

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY_MINUTES = 24 * 60


@immutable
class Schedule:
    """The days on which a window begins, Monday first, and its minutes since midnight.

    The window begins at `begin` and ends before `end`; where `end` is not later, on the next day.
    """

    days: frozenset[int]
    begin: int
    end: int

    def contains(self, at: datetime) -> bool:
        """Return whether a local time lies in the window."""
        day, minute = at.weekday(), at.hour * 60 + at.minute
        if self.begin < self.end:
            return day in self.days and self.begin <= minute < self.end
        if minute >= self.begin:
            return day in self.days
        return minute < self.end and (day - 1) % 7 in self.days


def minutes_of(text: Any) -> int | None:
    """Return the minutes since midnight of `hh:mm`, up to 24:00; None for anything else."""
    if not isinstance(text, str) or len(text) != 5 or text[2] != ":":
        return None
    hours, minutes = text[:2], text[3:]
    if not (text.isascii() and hours.isdecimal() and minutes.isdecimal() and int(minutes) < 60):
        return None
    total = int(hours) * 60 + int(minutes)
    return total if total <= DAY_MINUTES else None


def schedule_of(value: Mapping[str, Any]) -> Schedule:
    """Return the schedule of a clause's `time`, which was checked."""
    days = frozenset(DAYS.index(day) for day in value.get("days") or DAYS)
    begin, end = minutes_of(value.get("from", "00:00")), minutes_of(value.get("to", "24:00"))
    return Schedule(days, begin or 0, DAY_MINUTES if end is None else end)


def local(at: float, zone: tzinfo) -> datetime:
    """Return the local time of unix seconds."""
    return datetime.fromtimestamp(at, zone)
