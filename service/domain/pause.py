"""Limits of a pause, and a delivery that is kept for it."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from annotated_types import Ge, Le

from service.domain.delivery import Delivery
from service.domain.immutable import immutable


@dataclass(frozen=True, slots=True)
class PausePolicy:
    """Limits of the backlogs of paused webhooks: a section of the settings."""

    __pydantic_config__: ClassVar = {"extra": "forbid", "use_attribute_docstrings": True}

    most_kept: Annotated[int, Ge(1), Le(10_000_000)] = 100_000
    """Deliveries kept for one paused webhook; beyond it the oldest become dead letters."""
    kept_s: Annotated[float, Ge(1.0), Le(31_536_000.0)] = 604_800.0
    """Seconds for which a delivery is kept for a paused webhook; then it becomes a dead letter."""
    resume_per_s: Annotated[float, Ge(0.1), Le(1000.0)] = 50.0
    """Deliveries per second that a resumed webhook is sent from its backlog, one after another."""


@immutable
class KeptDelivery:
    """A delivery in the backlog. `kept_at` (unix seconds) is its place there.

    `version` changes when the same delivery is kept once more, after a later attempt.
    """

    delivery: Delivery
    kept_at: float
    version: bytes
