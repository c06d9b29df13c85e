"""A replay: an order to deliver dead letters again, and its progress."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from service.management.selection import Selection


class ReplayState(StrEnum):
    """State of a replay."""

    RUNNING = "running"
    FINISHED = "finished"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Progress:
    """Progress of a replay; its worker must renew the lease before `leased_until`."""

    replayed: int
    state: ReplayState
    leased_until: datetime
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Replay:
    """The letters to replay, their limit and rate; `matched` is how many there were at the start.

    Without an account it is an operator's replay over all accounts.

    The selection ends at the time of the order, so that no delivery that dies again is replayed
    twice.
    """

    replay_id: str
    account_id: str | None
    selection: Selection
    matched: int
    limit: int
    rate_per_s: float
    created_at: datetime
    created_by: str
    replayed: int = 0
    state: ReplayState = ReplayState.RUNNING
    ended_at: datetime | None = None
    max_age_s: float | None = None
    """The age limit of its deliveries, counted from their revival; 0 means none."""
