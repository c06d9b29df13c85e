"""Times as text."""

from datetime import UTC, datetime


def rfc3339(at: float) -> str:
    """Return a time in unix seconds as RFC 3339 in UTC with milliseconds."""
    text = datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")
