"""For how long the events of VoIPBIN are of use, and when they happened."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from service.dialects.voipbin.kinds import Kind
from service.domain.freshness import Freshness

_CLASSES: Mapping[Freshness, str] = {
    Freshness.LIVE: """
        call: created updated dialing ringing progressing terminating canceling
        groupcall: created progressing
        conferencecall: joining joined leaving leaved
        transcribe_speech: started interim
        aicall_status: initializing progressing pausing resuming terminating
        aimessage: intermediate
    """,
    Freshness.STATE: """
        queuecall: created waiting connecting serviced
        queue: updated
        agent: status_updated
        campaign: status_run status_stopping status_stop
    """,
}
"""Types of events, as a prefix and suffixes; all others are records."""

BY_TYPE: Mapping[str, Freshness] = {
    f"{line.partition(':')[0].strip()}_{suffix}": kind
    for kind, table in _CLASSES.items()
    for line in table.strip().splitlines()
    for suffix in line.partition(":")[2].split()
}
TIMES = ("tm_event", "tm_update", "tm_create")
"""Members with the time of a change, the closest one first."""


def freshness_of(kind: Kind) -> Freshness:
    """Return the class of a kind of events."""
    return BY_TYPE.get(kind.type, Freshness.RECORD)


def occurred_at(kind: Kind, data: Mapping[str, Any]) -> float | None:
    """Return when an event happened, in unix seconds, or None where the resource has no time."""
    names = ("tm_delete", *TIMES) if kind.type.endswith("_deleted") else TIMES
    told = next((data[name] for name in names if data.get(name)), None)
    if type(told) is not str:
        return None
    try:
        at = datetime.fromisoformat(told)
        seconds = (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None
    return seconds if seconds >= 0 else None
