"""The whole service built from settings, not started, with all that is only said on the way."""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import orjson
import pytest
from click.testing import CliRunner

from service import app
from service.cli import main as cli
from service.dialects.known import dialects_of
from service.domain.finding import Finding
from service.settings.model import Settings
from service.wiring.api import build_api
from service.wiring.lanes import Lanes
from service.wiring.service import Service, build
from service.workers.identity import WorkerIdentity
from tests.fakes import FakeIncoming
from tests.unit.settings.reachable import reachable
from tests.virtual_time import VirtualTimeLoop


@dataclass(frozen=True, repr=False)
class Whole:
    """Everything to look for a setting in; `said` are arguments of calls, by what was called.

    It has no `repr`: the runner asks for that of its task's result, which took seconds.
    """

    service: Service
    parts: tuple[Any, ...]
    servers: tuple[Any, ...]
    said: Mapping[str, Any]

    def named(self, kind: str) -> list[Any]:
        """Return all parts of a class of this name; there must be one."""
        found = [part for part in self.parts if type(part).__name__ == kind]
        assert found, f"no {kind} is part of the service"
        return found


def whole_of(settings: Settings, directory: Path) -> Whole:
    """Build everything, look at it, and take it apart again."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(_whole(settings, directory))


async def _whole(settings: Settings, directory: Path) -> Whole:
    async with _built(settings) as (service, api):
        alone = app._alone(service, api.application)
        among = app._among_workers(service, api.application, WorkerIdentity(1, 2, directory, ()))
        # The servers are context managers that have not been entered: nothing listens.
        servers = tuple(server.args for server in (*alone, *among))  # type: ignore[attr-defined]
        said = {
            "stall_s": await _told_to_health(service),
            **await _told_to_store(service),
            "grace_s": await _waited_for_stop(service),
            **await _told_by_check(settings),
            "log": _told_to_log(directory / "switchhook.yaml", settings),
        }
        return Whole(service, tuple(reachable(service, api, servers)), servers, said)


@asynccontextmanager
async def _built(settings: Settings) -> AsyncIterator[tuple[Service, Any]]:
    service = build(settings, dialects_of(settings))
    api = build_api(service)
    try:
        yield service, api
    finally:
        await api.close()
        await service.sending.sender.close()
        service.sending.tracer.close()
        service.storage.store.close()
        await service.storage.client.close()


class Noting:
    """Stands in for a lane or a store; notes what it is told."""

    name = "lane"
    database = None

    def __init__(self) -> None:
        self.told: list[Any] = []

    def state(self, stall_s: float) -> str:
        self.told.append(stall_s)
        return "ok"

    async def ask(self, question: Coroutine[Any, Any, object]) -> list[Finding]:
        question.close()
        return []

    async def prepare(self, retention_days: float, audit_days: float) -> None:
        self.told += [retention_days, audit_days]


async def _told_to_health(service: Service) -> Any:
    lane: Any = Noting()
    lanes = Lanes(lane, lane, lane, {}, lane, lane, lane, lane, lane, lane)
    await replace(service, lanes=lanes).live()
    return lane.told[0]


async def _told_to_store(service: Service) -> dict[str, Any]:
    store: Any = Noting()
    await app._prepare(replace(service, storage=replace(service.storage, store=store)))
    return dict(zip(("retention_days", "audit_days"), store.told, strict=True))


async def _waited_for_stop(service: Service) -> float:
    """Return how long the service waits for a message that it cannot settle."""
    lane = service.lanes.dead_letters

    async def never(*_: Any) -> None:
        await asyncio.Event().wait()

    lane._work = never
    running = asyncio.create_task(lane.run())
    await asyncio.sleep(0)
    lane.accept(FakeIncoming(b"1"))
    began = asyncio.get_running_loop().time()
    await app._wind_down(service)
    waited_s = asyncio.get_running_loop().time() - began
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    return waited_s


async def _told_by_check(settings: Settings) -> dict[str, Any]:
    """Return what `switchhook check` looks at, by function; for each call its arguments."""
    said: dict[str, list[Any]] = {}

    def noting(name: str) -> Any:
        def note(*arguments: Any) -> Any:
            said.setdefault(name, []).append(arguments)
            return _nothing() if name in ("examine_broker", "examine_store") else _no_findings(name)

        return note

    with pytest.MonkeyPatch.context() as patch:
        for name in ("examine_broker", "examine_store", "examine_policies", "examine_tls"):
            patch.setattr(app, name, noting(name))
        await app.examine(settings)
    return said


async def _nothing() -> AsyncIterator[Finding]:
    findings: list[Finding] = []
    for finding in findings:
        yield finding


def _no_findings(name: str) -> Any:
    async def none() -> list[Finding]:
        return []

    return [] if name == "examine_tls" else none()


def _told_to_log(path: Path, settings: Settings) -> list[Any]:
    """Return the log policies that the commands `run` and `worker` configure."""
    log = {"level": settings.log.level, "format": settings.log.format}
    path.write_bytes(orjson.dumps({"log": log}))
    told: list[Any] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cli, "quiet_logs", lambda: None)
        patch.setattr(cli, "configure_logs", told.append)
        patch.setattr(cli, "run_to_end", lambda _: True)
        patch.setattr(cli, "fork_on_request", lambda _: 1)
        patch.setattr("service.cli.main.socket.socket", lambda **_: None)
        worker = ("--number", "0", "--count", "2", "--directory", str(path.parent))
        for command in (
            ("run",),
            ("run", "--workers", "2"),
            ("worker", *worker, "--requests", "9"),
        ):
            done = CliRunner().invoke(cli.main, [*command, "--config", str(path)])
            assert done.exit_code == 0, done.output
    return told
