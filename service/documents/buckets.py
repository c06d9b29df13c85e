"""Buckets of the attempt log: one collection for each span of time, dropped as a whole.

A bucket's name is `attempts_` and its start in UTC: `2026112813` (an hour), `20261128` (a day) or
`202611` (a month). Ids of attempts begin with their time, so a bucket is a range of ids.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from functools import lru_cache

from service.domain.delivery import time_key

LOG = "attempts"
"""The view over all buckets; the log itself, in the releases before there were buckets."""
EARLIER = "attempts_earlier"
"""The log of those releases, until its last row has expired."""
AFTER_ALL_IDS = "g"
"""Sorts after every id, as ids are hexadecimal."""
HOUR_S = 3600.0
HOURS_UP_TO_DAYS, DAYS_UP_TO_DAYS = 3.0, 93.0


class Span(Enum):
    """Length of a bucket, with the form of its name."""

    HOUR = "%Y%m%d%H"
    DAY = "%Y%m%d"
    MONTH = "%Y%m"


@dataclass(frozen=True, slots=True)
class Bucket:
    """A collection and the ids it may hold: from `first` up to, but not including, `end`."""

    name: str
    first: str = ""
    end: str = AFTER_ALL_IDS
    ends_at: datetime | None = None
    """None for the log of earlier releases."""


def span_for(retention_days: float) -> Span:
    """Return the span of buckets with which a retention needs fewer than a hundred."""
    if retention_days <= HOURS_UP_TO_DAYS:
        return Span.HOUR
    return Span.DAY if retention_days <= DAYS_UP_TO_DAYS else Span.MONTH


def bucket_name(at: float, span: Span) -> str:
    """Return the name of the bucket of attempts that started at a time, in unix seconds."""
    # The id has whole milliseconds: the bucket must be that of the id.
    return _name_at(round(at, 3) // HOUR_S, span)


@lru_cache
def _name_at(hour: float, span: Span) -> str:
    return f"{LOG}_{datetime.fromtimestamp(hour * HOUR_S, UTC).strftime(span.value)}"


def bucket_of(name: str) -> Bucket | None:
    """Return the bucket with this name; None for any other collection."""
    if name in (LOG, EARLIER):
        return Bucket(name)
    digits = name.removeprefix(f"{LOG}_")
    span = next((span for span in Span if len(digits) == len(_form(span))), None)
    if span is None or not digits.isdecimal():
        return None
    try:
        start = datetime.strptime(digits, span.value).replace(tzinfo=UTC)
        end = _end(start, span)
    except (ValueError, OverflowError):
        return None
    return Bucket(name, time_key(start.timestamp()), time_key(end.timestamp()), end)


def _form(span: Span) -> str:
    return datetime(2000, 1, 1, tzinfo=UTC).strftime(span.value)


def _end(start: datetime, span: Span) -> datetime:
    if span is Span.MONTH:
        return (start + timedelta(days=31)).replace(day=1)
    return start + (timedelta(days=1) if span is Span.DAY else timedelta(hours=1))
