"""One supervised worker: started, restarted when it dies, replaced or stopped on request."""

import asyncio
import signal
from contextlib import suppress
from typing import Protocol

import structlog
from prometheus_client import Counter

from service.workers.backoff import Backoff
from service.workers.watchdog import Frozen, until_silent, until_stopped

READY_POLL_S = 0.1
UNUSABLE_SETTINGS = 2
NOT_STARTED = 1
CLEAN = (0, -signal.SIGTERM)
"""SIGTERM kills a worker that has not begun yet; such a worker has nothing to finish."""

log = structlog.get_logger(__name__)


class WorkerProcess(Protocol):
    """A process as in asyncio: a signal to a process that has ended raises ProcessLookupError."""

    @property
    def pid(self) -> int:
        """The process id."""

    def terminate(self) -> None:
        """Send SIGTERM."""

    def kill(self) -> None:
        """Send SIGKILL."""

    async def wait(self) -> int:
        """Return the exit code once it has ended: minus the signal's number after a signal."""


class Starter(Protocol):
    """Starts a worker, and cleans up after it."""

    async def start(self, number: int) -> WorkerProcess:
        """Start a worker. Raises OSError if the operating system cannot."""

    async def is_ready(self, number: int) -> bool:
        """Return whether all dependencies of the worker are available."""

    async def answers(self, number: int) -> bool:
        """Return whether the worker's event loop answers, within a second or two."""

    def is_stopped(self, pid: int) -> bool:
        """Return whether a signal has stopped the process."""

    def tidy_up(self, number: int) -> None:
        """Remove the leftovers of a worker that has ended."""


class KeptWorker:
    """Keeps worker `number` running.

    A frozen worker is killed, and so is a worker that does not end within `limit_s` on request.
    """

    def __init__(
        self, number: int, starter: Starter, restarts: Counter, frozen: Counter, limit_s: float
    ) -> None:
        self.number = number
        self.clean = True
        self._starter = starter
        self._restarts = restarts
        self._frozen = frozen
        self._limit_s = limit_s
        self._backoff = Backoff()
        self._process: WorkerProcess | None = None
        self._started = 0
        self._asked = asyncio.Event()
        self._stopping = False

    @property
    def pid(self) -> int | None:
        """The worker's process id; None while none runs."""
        return None if self._process is None else self._process.pid

    async def run(self) -> None:
        """Keep the worker running until `stop`; then `clean` is whether the last one ended well."""
        while not self._stopping:
            exit_code, lived_s = await self._live()
            if self._asked.is_set():
                self._asked.clear()
                self.clean = exit_code in CLEAN
                log.info("worker.ended", worker=self.number, **_how(exit_code))
            else:
                await self._after_death(exit_code, lived_s)

    def stop(self) -> None:
        """Have the worker finish and end, and start no successor."""
        self._stopping = True
        self._ask_to_end()

    async def replace(self) -> None:
        """Have the worker finish and end; return once its successor is ready."""
        before = self._started
        self._ask_to_end()
        while self._started == before or not await self._starter.is_ready(self.number):  # noqa: ASYNC110 (another process has to be asked)
            await asyncio.sleep(READY_POLL_S)

    def kill(self) -> None:
        """Kill the worker at once; the broker redelivers its unacknowledged messages."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                self._process.kill()

    async def _live(self) -> tuple[int, float]:
        """Start a worker; return its exit code once it has ended, and how long it lived."""
        clock = asyncio.get_running_loop().time
        started_at = clock()
        try:
            self._process = await self._starter.start(self.number)
        except OSError as error:
            log.error("worker.not_started", worker=self.number, error=str(error))  # noqa: TRY400 (the text says it)
            return NOT_STARTED, 0.0
        self._started += 1
        log.info("worker.started", worker=self.number, pid=self._process.pid)
        if self._asked.is_set():
            self._ask_to_end()
        exit_code = await self._watched(self._process)
        self._process = None
        self._starter.tidy_up(self.number)
        return exit_code, clock() - started_at

    async def _watched(self, process: WorkerProcess) -> int:
        """Return the exit code once the worker has ended, killing it where it is frozen."""
        async with asyncio.TaskGroup() as tasks:
            watching = (
                tasks.create_task(self._kill_stopped(process), name="watch for stopped"),
                tasks.create_task(self._kill_silent(), name="watch for silent"),
            )
            exit_code = await process.wait()
            for task in watching:
                task.cancel()
        return exit_code

    async def _kill_stopped(self, process: WorkerProcess) -> None:
        await until_stopped(lambda: self._starter.is_stopped(process.pid))
        self._kill_frozen(Frozen.STOPPED)

    async def _kill_silent(self) -> None:
        """Kill the worker if it hangs, unless it is ending: `limit_s` bounds that."""
        await until_silent(lambda: self._starter.answers(self.number))
        if not self._asked.is_set():
            self._kill_frozen(Frozen.SILENT)

    def _kill_frozen(self, how: Frozen) -> None:
        log.error("worker.frozen", worker=self.number, how=how.value, note="killed")
        self._frozen.labels(how.value).inc()
        self.kill()

    def _ask_to_end(self) -> None:
        self._asked.set()
        if self._process is None:
            return
        with suppress(ProcessLookupError):
            self._process.terminate()
        loop = asyncio.get_running_loop()
        loop.call_later(self._limit_s, self._kill_overdue, self._process)

    def _kill_overdue(self, process: WorkerProcess) -> None:
        if process is self._process:
            log.error("worker.overdue", worker=self.number, waited_s=self._limit_s, note="killed")
            self.kill()

    async def _after_death(self, exit_code: int, lived_s: float) -> None:
        """Log the death and pause; a request to end cuts the pause short."""
        pause_s = self._backoff.after_death(lived_s)
        how = _how(exit_code)
        lived = round(lived_s, 1)
        log.warning("worker.died", worker=self.number, **how, lived_s=lived, pause_s=pause_s)
        if exit_code == UNUSABLE_SETTINGS:
            log.error("worker.settings_unusable", worker=self.number, note="see the worker's log")
        elif self._backoff.hopeless:
            deaths = self._backoff.deaths
            note = "see the worker's log"
            log.error("worker.keeps_dying", worker=self.number, deaths=deaths, note=note)
        with suppress(TimeoutError):
            async with asyncio.timeout(pause_s):
                await self._asked.wait()
        self._asked.clear()
        if not self._stopping:
            self._restarts.inc()


def _how(exit_code: int) -> dict[str, int | str]:
    """Return how a process ended, as fields of a log line."""
    if exit_code >= 0:
        return {"exit_code": exit_code}
    return {"signal": signal.Signals(-exit_code).name}
