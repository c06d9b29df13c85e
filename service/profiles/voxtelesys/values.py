"""Reading of values in the payloads of switches, which may lack any member."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any


def text(values: Mapping[str, Any], *keys: str) -> str:
    """Return the first of the members that is a text and not empty, or an empty text."""
    found = (values.get(key) for key in keys)
    return next((one for one in found if isinstance(one, str) and one), "")


def an_object(values: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """Return a member that is an object, or an empty one."""
    value = values.get(key)
    return value if isinstance(value, dict) else {}


def known(members: Mapping[str, Any]) -> dict[str, Any]:
    """Return the members that have a value."""
    return {key: value for key, value in members.items() if value != ""}


def date_time(unix_seconds: float) -> str:
    """Return a time as RFC 3339 in UTC, with milliseconds if it has any."""
    at = datetime.fromtimestamp(unix_seconds, UTC)
    precision = "milliseconds" if at.microsecond >= 1000 else "seconds"
    return at.isoformat(timespec=precision).replace("+00:00", "Z")


def seconds_between(start: str, end: str) -> str:
    """Return the whole seconds from one time of RFC 3339 to another; empty where one is missing."""
    try:
        passed = datetime.fromisoformat(end) - datetime.fromisoformat(start)
        return str(max(0, int(passed.total_seconds())))
    except (ValueError, TypeError):
        return ""
