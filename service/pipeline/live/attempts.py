"""Stream of attempts: which ones a client has asked for."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from service.domain.delivery import Outcome


@dataclass(frozen=True, slots=True)
class AttemptFilter:
    """A selection of the attempts of an account's webhooks; None is no constraint.

    `equals` has members of the attempt log. `own_only` leaves out events of accounts below.
    """

    equals: Mapping[str, str | int]
    failed: bool | None = None
    own_only: bool = False

    def row_in(self, message: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return the row of the attempt log in a message, or None if it is not selected."""
        row: dict[str, Any] = message["attempt"]
        if self.own_only and row.get("event_account_id") is not None:
            return None
        if any(row.get(key) != value for key, value in self.equals.items()):
            return None
        if self.failed is not None and self.failed is not _failed(row["outcome"]):
            return None
        return row | {"started_at": datetime.fromisoformat(row["started_at"])}


def _failed(outcome: str) -> bool | None:
    """Return whether the receiver did not accept; None where nothing was sent at all."""
    return None if outcome == Outcome.SHADOWED else outcome != Outcome.SUCCEEDED
