"""Workers of all machines: each writes its state every few seconds; API and console show them."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from service.domain.errors import StoreUnavailable
from service.management.ports import Document, WorkerRegister

BEAT_S = 5.0
SILENT_AFTER = timedelta(seconds=20)
MOST_CERTIFICATES = 100
OK, SILENT = "ok", "silent"

Vitals = Callable[[], Awaitable[Mapping[str, Any]]]
"""Returns the state of this worker now: `checks`, `in_flight`, `unsettled`, `last_event_at`, and
`certificates` as `[{host, expires_at}]`."""


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """Writes the state of this worker. `identity` are its members that never change."""

    register: WorkerRegister
    worker_id: str
    identity: Mapping[str, Any]
    vitals: Vitals
    now: Callable[[], datetime] = _now

    async def run(self) -> None:
        """Write the state every `BEAT_S` until cancelled; a store that is away is waited for."""
        while True:
            await self.beat()
            await asyncio.sleep(BEAT_S)

    async def beat(self) -> None:
        """Write the state once, if the store answers."""
        state = {**self.identity, **await self.vitals(), "seen_at": self.now()}
        try:
            await self.register.note(self.worker_id, state)
        except StoreUnavailable:
            return  # logged where the store is asked

    async def leave(self) -> None:
        """Remove the worker from the list, because it ends in good order."""
        try:
            await self.register.remove(self.worker_id)
        except StoreUnavailable:
            return


@dataclass(frozen=True, slots=True)
class Workers:
    """The use cases. Every method raises StoreUnavailable."""

    register: WorkerRegister
    now: Callable[[], datetime] = _now

    async def all(self) -> Sequence[dict[str, Any]]:
        """Return the workers of all machines, those in trouble first.

        One that has not written its state for `SILENT_AFTER` is `silent`; it vanishes after some
        minutes.
        """
        now = self.now()
        views = [_view(one, now) for one in await self.register.all()]
        return sorted(views, key=lambda one: (one["state"] == OK, one["host"], one["pid"]))

    async def certificates(self) -> Sequence[dict[str, Any]]:
        """Return the hosts of endpoints whose certificates expire soon, the soonest first."""
        soonest: dict[str, datetime] = {}
        seen = sorted(await self.register.all(), key=lambda one: one["seen_at"])
        for worker in seen:
            # The state that was written last counts: a certificate may have been renewed since.
            soonest |= {one["host"]: one["expires_at"] for one in worker["certificates"]}
        ordered = sorted(soonest.items(), key=lambda item: (item[1], item[0]))
        return [{"host": host, "expires_at": _text(at)} for host, at in ordered]


def _view(worker: Document, now: datetime) -> dict[str, Any]:
    checks = {name: state for name, state in worker["checks"].items() if state != OK}
    silent = now - worker["seen_at"] > SILENT_AFTER
    shown = ("host", "pid", "number", "version", "in_flight", "unsettled")
    times = ("started_at", "seen_at", "last_event_at")
    return {
        "id": str(worker["_id"]),
        **{key: worker[key] for key in shown},
        **{key: _text(worker[key]) if worker[key] else None for key in times},
        "state": SILENT if silent else "failing" if checks else OK,
        "failing": checks,
    }


def _text(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds")
