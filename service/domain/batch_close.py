"""Why a batch of deliveries takes no more, as metrics count it."""

from enum import StrEnum


class BatchClose(StrEnum):
    """Cause for which a batch was closed."""

    FULL = "full"
    """It had `max` events, or its largest size in bytes."""
    TIME = "time"
    """Its `within_ms` were over, or half of `health.stall_s`."""
    SHARE = "share"
    """Its account held its share of what may wait."""
    EDITED = "edited"
    """Its webhook was edited, and another event came."""
    STOP = "stop"
    """The service stops."""
    BACKLOG = "backlog"
    """Its event comes from the backlog of a pause, and waits for no other."""
