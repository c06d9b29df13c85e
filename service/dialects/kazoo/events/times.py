"""Time of a message's event: Kazoo writes gregorian seconds, under one of several names."""

from collections.abc import Mapping
from typing import Any

from service.dialects.kazoo.events.values import integer
from service.text.gregorian import GREGORIAN_OFFSET_S

NAMES = ("Timestamp", "Event-Timestamp", "Voicemail-Timestamp", "Fax-Timestamp")
"""Channels, parking and most notifications; registrations; voicemails; faxes."""
LAST_S = 253_402_300_799
"""Unix seconds of the end of year 9999, the last that a date can have."""


def occurred_at(body: Mapping[str, Any]) -> float | None:
    """Return the time in unix seconds, or None where the message has none that can be."""
    for name in NAMES:
        if name in body:
            return unix_seconds(integer(body, name))
    return None


def unix_seconds(gregorian_s: object) -> float | None:
    """Return gregorian seconds as unix seconds, or None for anything but a time since 1970."""
    if type(gregorian_s) is not int:
        return None
    at = gregorian_s - GREGORIAN_OFFSET_S
    return float(at) if 0 <= at <= LAST_S else None
