"""The attempt log as its account sees it: Crossbar's members, and those Crossbar lacks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from math import ceil
from typing import Any

from service.dialects.dialect import Dialects
from service.domain.errors import NotFound
from service.management.ports import AttemptHistory, Document
from service.management.selection import Selection
from service.text.json_text import read_json

MOST_MEASURED = 10_000
PERCENTILES = (50, 90, 95, 99)
WINDOWS = {"last_hour": timedelta(hours=1), "last_day": timedelta(days=1)}
EXCHANGED = {
    "method": "method",
    "request_headers": "req_headers",
    "request_body": "req_body",
    "response_headers": "resp_headers",
    "response_body": "resp_body",
}
"""Names in the attempt log, each with its name in the API."""


@dataclass(frozen=True, slots=True)
class Attempts:
    """The use cases. Every method raises StoreUnavailable."""

    history: AttemptHistory
    dialects: Dialects

    async def page(self, selection: Selection, start: str | None, size: int) -> list[Document]:
        """Return attempts, the newest first."""
        rows = await self.history.page(selection, start, size)
        return [attempt_view(row, self.dialects) for row in rows]

    async def any_of(self, account_id: str, webhook_id: str) -> bool:
        """Return whether the log has an attempt of a webhook, even of a deleted one."""
        selection = Selection(account_id, {"webhook_id": webhook_id})
        return bool(await self.history.page(selection, None, 1))

    async def one(
        self, account_id: str, webhook_id: str, attempt_id: str, *, own_only: bool
    ) -> Document:
        """Return an attempt as it is stored. Raises NotFound."""
        row = await self.history.find(account_id, webhook_id, attempt_id)
        if row is None or (own_only and row.get("event_account_id") is not None):
            raise NotFound(attempt_id)
        return row

    async def stats(
        self, account_id: str, webhook_id: str, now: datetime, *, own_only: bool
    ) -> dict[str, Any]:
        """Return counts per outcome and percentiles of duration, for each of the windows."""
        equals = {"webhook_id": webhook_id}
        return {
            name: await self._window(
                Selection(account_id, equals, since=now - span, own_only=own_only)
            )
            for name, span in WINDOWS.items()
        }

    async def _window(self, selection: Selection) -> dict[str, Any]:
        outcomes = await self.history.outcomes(selection)
        durations = await self.history.durations(selection, MOST_MEASURED)
        return {
            "attempts": sum(outcomes.values()),
            "outcomes": dict(sorted(outcomes.items())),
            "measured": len(durations),
            "duration_ms": percentiles(durations),
        }


def percentiles(values: Sequence[float]) -> dict[str, float]:
    """Return the nearest-rank percentiles, as `p50` and so on; none if there are no values."""
    ordered = sorted(values)
    return {f"p{p}": ordered[ceil(p * len(ordered) / 100) - 1] for p in PERCENTILES if ordered}


def attempt_view(row: Document, dialects: Dialects) -> dict[str, Any]:
    """Return an attempt as its account sees it; the dialect of the event adds its own members."""
    dialect = dialects.of(row.get("source") or "")
    started_at: datetime = row["started_at"]
    succeeded, shadowed = row["outcome"] == "succeeded", row["outcome"] == "shadowed"
    view: dict[str, Any] = {
        "id": str(row["_id"]),
        "started_at": started_at.isoformat(timespec="milliseconds"),
        "duration_ms": row["duration_ms"],
        "hook_id": row["webhook_id"],
        "hook": row["hook"],
        "source": dialect.name,
        "event_name": row.get("event_name"),
        "event_id": row["event_id"],
        "delivery_id": row["delivery_id"],
        "call_id": row.get("call_id"),
        "attempt": row["attempt"],
        "uri": row["uri"],
        "result": "success" if succeeded else "shadowed" if shadowed else "failure",
        "outcome": row["outcome"],
    }
    if row.get("status") is not None:
        view["resp_status_code"] = str(row["status"])
    view |= dialect.attempt_members(row)
    view |= {theirs: row[ours] for ours, theirs in EXCHANGED.items() if ours in row}
    view |= position_view(row.get("position"))
    marks = (
        "fallback_for", "replay_id", "test", "trace_id", "age_s", "max_age_s", "batch_id",
        "batch_size",
    )  # fmt: skip
    return view | {key: row[key] for key in marks if row.get(key) is not None}


def position_view(position: Document | None) -> dict[str, Any]:
    """Return the place of an event in its call as the API shows it; nothing if it has none."""
    if not position:
        return {}
    place = {name: position[name] for name in ("conversation_id", "sequence")}
    return {**place, "marks": [name for name in position if name not in place]}


def attempt_in_full(row: Document, dialects: Dialects) -> dict[str, Any]:
    """Return an attempt with the payload of its event, if the log kept it."""
    view = attempt_view(row, dialects)
    if row.get("payload") is not None:
        view["payload"] = read_json(row["payload"])
    for name in ("occurred_at", "received_at"):
        if row.get(name) is not None:
            view[name] = row[name].isoformat(timespec="milliseconds")
    if row.get("answer") is not None:
        view["answer"] = row["answer"]
    return view


def selection_of_webhook(selection: Selection, webhook_id: str) -> Selection:
    """Return the selection narrowed to one webhook."""
    asked_for = selection.equals.get("webhook_id", webhook_id)
    if asked_for != webhook_id:
        return replace(selection, ids=())
    equals: Mapping[str, str | int] = {**selection.equals, "webhook_id": webhook_id}
    return replace(selection, equals=equals)
