"""What filters ask of a call, in Kazoo's payloads."""

from typing import Any, Literal

from service.domain.filters.occurrence import (
    ABSENT,
    Absence,
    CallFacts,
    Payload,
    reader_of,
)
from service.text.gregorian import GREGORIAN_OFFSET_S


def _direction(payload: Payload) -> Any:
    # Messages and faxes name it `direction`.
    return payload.get("call_direction", payload.get("direction", ABSENT))


def _at(payload: Payload) -> float | Literal[Absence.ABSENT]:
    """Return unix seconds. Channel events have gregorian seconds; other apps write anything."""
    timestamp = payload.get("timestamp")
    if type(timestamp) is int and timestamp > GREGORIAN_OFFSET_S:
        return float(timestamp - GREGORIAN_OFFSET_S)
    return ABSENT


CALL_FACTS = CallFacts(
    direction=_direction,
    caller=reader_of("caller_id_number"),
    callee=reader_of("callee_id_number"),
    internal_leg=reader_of("is_internal_leg"),
    duration_s=reader_of("duration_seconds"),
    at=_at,
)
