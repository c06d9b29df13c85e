"""A replay: dead letters of an account on their way back to life."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from service.management.selection import Selection


class ReplayState(StrEnum):
    """Where a replay stands."""

    RUNNING = "running"
    FINISHED = "finished"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a replay has come, and when whoever runs it must have said so again."""

    replayed: int
    state: ReplayState
    leased_until: datetime
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Replay:
    """Which letters, how many at most, how fast; `matched` is how many there were at the start.

    Without an account it is an operator's, of all accounts.

    The selection ends with the moment it was made: what dies again is not replayed twice.
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
