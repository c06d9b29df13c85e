"""The life of `run --workers N`: start the workers, keep them running, stop them all.

On SIGTERM or SIGINT all workers finish and end; a second signal kills them. SIGHUP replaces the
workers one by one, each after the successor of the previous one is ready; the new workers read the
settings anew.
"""

import asyncio
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import structlog

from service.api.http.health import metrics_routes, places_route
from service.api.http.server import listen, serve, with_routes
from service.domain.errors import SettingsError
from service.settings.model import Settings
from service.workers.exposition import Exposition
from service.workers.health import WorkersHealth
from service.workers.identity import TEMPLATE, WorkerIdentity
from service.workers.kept_worker import KeptWorker
from service.workers.launcher import Launcher
from service.workers.template import adopt_orphans

LATE_S = 10.0
"""Seconds beyond its grace period after which a worker that has not ended is killed."""
FAILED = 1

log = structlog.get_logger(__name__)

LoadSettings = Callable[[], Settings]


async def supervise(
    count: int, config: str | None, settings: Settings, load: LoadSettings, *, shadow: bool = False
) -> bool:
    """Run `count` workers until SIGTERM or SIGINT; return whether all of them ended cleanly.

    `load` reads the settings anew. Raises SwitchhookError if a port is taken.
    """
    api, metrics = settings.api, settings.metrics
    with TemporaryDirectory(prefix="switchhook-", ignore_cleanup_errors=True) as name:
        directory = Path(name)
        listeners = listen(api.host, api.port)
        fds = tuple(listener.fileno() for listener in listeners)
        launcher = Launcher(WorkerIdentity(TEMPLATE, count, directory, fds, shadow), config)
        supervisor = Supervisor(launcher, settings.shutdown.grace_s + LATE_S, load)
        registry = supervisor.exposition.registry
        holders = WorkersHealth(directory, count).holders
        numbers = with_routes([*metrics_routes(registry), places_route(holders)])
        async with serve(numbers, metrics.host, metrics.port):
            log.info("supervisor.started", workers=count, api=f"{api.host}:{api.port}")
            await supervisor.run()
        for listener in listeners:
            listener.close()
    log.info("supervisor.stopped", clean=supervisor.clean)
    return supervisor.clean


class Supervisor:
    """Keeps the launcher's workers running and handles the signals."""

    def __init__(self, launcher: Launcher, limit_s: float, load: LoadSettings) -> None:
        self._directory = launcher.identity.directory
        self._template = launcher.template
        self._load = load
        self.exposition = Exposition(self._directory, self._pids)
        self._keepers = [
            KeptWorker(number, launcher, self.exposition.restarts, self.exposition.frozen, limit_s)
            for number in range(1, launcher.identity.count + 1)
        ]
        self._stopping = False
        self._replacing = asyncio.Event()

    @property
    def clean(self) -> bool:
        """Whether all workers ended cleanly on request."""
        return all(kept_worker.clean for kept_worker in self._keepers)

    async def run(self) -> None:
        """Keep the workers running until SIGTERM or SIGINT, and until all have ended."""
        loop = asyncio.get_running_loop()
        for signum in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(signum, self._on_stop)
        loop.add_signal_handler(signal.SIGHUP, self._replacing.set)
        adopt_orphans()
        async with asyncio.TaskGroup() as tasks:
            replacing = tasks.create_task(self._replace_when_asked(), name="replace workers")
            async with asyncio.TaskGroup() as keeping:
                for kept_worker in self._keepers:
                    keeping.create_task(kept_worker.run(), name=f"worker {kept_worker.number}")
            replacing.cancel()
        await self._template.close()

    def _pids(self) -> list[int]:
        return [kept_worker.pid for kept_worker in self._keepers if kept_worker.pid is not None]

    def _on_stop(self) -> None:
        if self._stopping:
            self._abandon()
        self._stopping = True
        log.info("supervisor.stopping", workers=len(self._pids()))
        for kept_worker in self._keepers:
            kept_worker.stop()

    def _abandon(self) -> None:
        """Kill everything and exit at once."""
        for kept_worker in self._keepers:
            kept_worker.kill()
        shutil.rmtree(self._directory, ignore_errors=True)
        os._exit(FAILED)

    async def _replace_when_asked(self) -> None:
        """Replace the workers one by one on request; a request meanwhile starts another round."""
        while True:
            await self._replacing.wait()
            self._replacing.clear()
            if not self._settings_usable():
                continue
            log.info("workers.replacing", workers=len(self._keepers))
            self._template.renew()
            for kept_worker in self._keepers:
                await kept_worker.replace()
            log.info("workers.replaced", workers=len(self._keepers))

    def _settings_usable(self) -> bool:
        """Return whether a new worker could start; if not, the running ones are kept."""
        try:
            self._load()
        except SettingsError as error:
            log.error("workers.not_replaced", problems=error.problems)  # noqa: TRY400 (they say it)
            return False
        return True
