"""Which attempts or dead letters are meant."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Selection:
    """Every constraint must hold; None is none.

    `equals` compares members with values. The times are those of the attempt, or of the death; both
    ends belong to it. `waiting` leaves out dead letters that were replayed since;
    `failed` tells attempts that failed from those that succeeded. `own_only` leaves out what is
    about an event of an account below.
    """

    account_id: str | None = None
    equals: Mapping[str, str | int] = field(default_factory=dict)
    since: datetime | None = None
    until: datetime | None = None
    ids: tuple[str, ...] | None = None
    waiting: bool = True
    failed: bool | None = None
    own_only: bool = False
