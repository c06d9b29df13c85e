"""Members of an attempt in Crossbar's API, with Kazoo's names and texts."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from service.dialects.kazoo.events.calls import NAMES as CALL_EVENTS
from service.text.gregorian import GREGORIAN_OFFSET_S

Row = Mapping[str, Any]


def attempt_members(row: Row) -> dict[str, Any]:
    """Return Crossbar's members for a row of the attempt log."""
    started_at: datetime = row["started_at"]
    members: dict[str, Any] = {
        "timestamp": int(started_at.timestamp()) + GREGORIAN_OFFSET_S,
        "hook_event": _hook_event(row["hook"]),
    }
    failed = row["outcome"] not in ("succeeded", "shadowed")
    return members | (_failure(row) if failed else {})


def _failure(row: Row) -> dict[str, Any]:
    left = max(0, row.get("retries", 0) - row["attempt"] + 1)
    failure: dict[str, Any] = {"retries_left": left or "retries exceeded"}
    if row.get("status") is None:
        detail = row.get("detail")
        client_error = f"{row['outcome']}: {detail}" if detail else row["outcome"]
        failure |= {"reason": "kazoo http client error", "retries": left + 1}
        return failure | {"client_error": client_error}
    return failure | {"reason": "bad response code", "try": left + 1}


def _hook_event(hook: str) -> str:
    return hook.upper() if hook.upper() in CALL_EVENTS else hook
