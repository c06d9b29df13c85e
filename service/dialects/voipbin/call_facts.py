"""What filters ask of a call, in VoIPBIN's payloads: `{type, data}`."""

from datetime import UTC, datetime
from typing import Any, Literal

from service.domain.filters.occurrence import (
    ABSENT,
    Absence,
    CallFacts,
    Payload,
    reader_of,
)

DIRECTIONS = {"incoming": "inbound", "outgoing": "outbound"}
"""VoIPBIN's words for the direction of a call; of a message it says `inbound` and `outbound`."""

_direction = reader_of("data.direction")
_began, _ended = reader_of("data.tm_create"), reader_of("data.tm_hangup")
_told = reader_of("data.tm_update")


def _direction_of(payload: Payload) -> Any:
    found = _direction(payload)
    return DIRECTIONS.get(found, found) if isinstance(found, str) else found


def _duration_s(payload: Payload) -> Any:
    """Return the seconds from the beginning of a call to its end."""
    began, ended = _time(_began(payload)), _time(_ended(payload))
    if began is None or ended is None:
        return ABSENT
    return round((ended - began).total_seconds(), 3)


def _at(payload: Payload) -> float | Literal[Absence.ABSENT]:
    at = _time(_told(payload)) or _time(_began(payload))
    return ABSENT if at is None else at.timestamp()


def _time(value: Any) -> datetime | None:
    """Return a time as Go writes it; a fraction has up to nine digits, of which six are read."""
    if not isinstance(value, str):
        return None
    try:
        at = datetime.fromisoformat(value)
    except ValueError:
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


CALL_FACTS = CallFacts(
    direction=_direction_of,
    caller=reader_of("data.source.target"),
    callee=reader_of("data.destination.target"),
    duration_s=_duration_s,
    at=_at,
)
