"""Selection of attempts or dead letters."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Selection:
    """Constraints that must all hold; None is no constraint.

    `equals` compares members with values. `since` and `until` bound, inclusively, the time of the
    attempt or of the death. `waiting` leaves out dead letters replayed since. `failed` selects
    failed attempts (True) or successful ones (False). `own_only` leaves out items about events of
    accounts below.
    """

    account_id: str | None = None
    equals: Mapping[str, str | int] = field(default_factory=dict)
    since: datetime | None = None
    until: datetime | None = None
    ids: tuple[str, ...] | None = None
    waiting: bool = True
    failed: bool | None = None
    own_only: bool = False
