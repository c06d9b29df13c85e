"""Keys of items in lists with the newest first: a time and an id."""

from datetime import UTC, datetime

from service.domain.delivery import time_key
from service.domain.errors import Invalid


def key_of(at: str, item_id: str) -> str:
    """Return the key of an item; the next page starts after it."""
    return f"{time_key(datetime.fromisoformat(at).timestamp())}-{item_id}"


def start_of(key: str) -> tuple[datetime, str]:
    """Return the time and id in a key. Raises Invalid."""
    at, _, item_id = key.partition("-")
    try:
        return datetime.fromtimestamp(int(at, 16) / 1000, tz=UTC), item_id
    except (ValueError, OverflowError, OSError):
        message = "must be the next_start_key of the previous page"
        raise Invalid.of("start_key", "invalid", message, value=key) from None
