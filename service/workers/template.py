"""The supervisor's side of the template: start it, and have it fork workers."""

import asyncio
import ctypes
import os
import signal
import socket
from asyncio.subprocess import Process, create_subprocess_exec
from collections.abc import Callable, Sequence
from contextlib import suppress

import structlog

from service.observability.metrics import FILES_VARIABLE
from service.workers.forking import LONGEST_LINE

FORK_LIMIT_S = 60.0
"""On a busy machine the template's imports take seconds."""
UNKNOWN_EXIT = 1
PR_SET_CHILD_SUBREAPER = 36
"""See prctl(2): descendants whose parent has ended become children of this process."""

log = structlog.get_logger(__name__)

Command = Callable[[int], Sequence[str]]
"""Returns the command line, given the descriptor from which the template reads numbers."""


def adopt_orphans() -> None:
    """Have the kernel make orphaned workers children of this process. Raises OSError."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")


class Template:
    """Forks workers from one template process, started on demand and again after it died."""

    def __init__(self, command: Command, listeners: Sequence[int], directory: str) -> None:
        self._command = command
        self._listeners = listeners
        self._directory = directory
        self._lock = asyncio.Lock()
        self._process: Process | None = None
        self._requests: socket.socket | None = None
        # Nothing is ever written to this pipe: workers read end of file once the supervisor ended.
        self._lifeline, self._held = os.pipe()

    async def fork(self, number: int) -> "Forked":
        """Fork worker `number` and return it. Raises OSError if the operating system cannot."""
        async with self._lock:
            requests = await self._running()
            loop = asyncio.get_running_loop()
            try:
                async with asyncio.timeout(FORK_LIMIT_S):
                    await loop.sock_sendall(requests, f"{number}\n".encode())
                    pid = int(await loop.sock_recv(requests, LONGEST_LINE) or 0)
            except OSError:
                self.renew()
                raise
            if not pid:
                self.renew()
                raise OSError("the template could not fork a worker")
            return Forked(pid)

    def renew(self) -> None:
        """End the template: the next worker comes from a new one, which imports the code anew."""
        if self._requests is not None:
            self._requests.close()
            self._requests = None
        if self._process is not None:
            with suppress(ProcessLookupError):
                self._process.kill()
            self._process = None

    async def close(self) -> None:
        """End the template, and close the pipe that the workers watch."""
        process = self._process
        self.renew()
        if process is not None:
            await process.wait()
        os.close(self._lifeline)
        os.close(self._held)

    async def _running(self) -> socket.socket:
        """Return the socket of the running template, or of a new one."""
        if self._process is not None and self._process.returncode is not None:
            log.warning("template.died", note="starting another")
            self.renew()
        return self._requests or await self._start()

    async def _start(self) -> socket.socket:
        ours, theirs = socket.socketpair()
        ours.settimeout(0)
        with theirs:
            try:
                self._process = await create_subprocess_exec(
                    *self._command(theirs.fileno()),
                    env=os.environ | {FILES_VARIABLE: self._directory},
                    stdin=self._lifeline,
                    pass_fds=(*self._listeners, theirs.fileno()),
                    start_new_session=True,
                )
            except OSError:
                ours.close()
                raise
        self._requests = ours
        return ours


class Forked:
    """A worker process, a child of the supervisor; see `kept_worker.WorkerProcess`."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._loop = asyncio.get_running_loop()
        self._end: asyncio.Future[int] = self._loop.create_future()
        self._descriptor = os.pidfd_open(pid)
        self._loop.add_reader(self._descriptor, self._on_end)

    def terminate(self) -> None:
        """Send SIGTERM."""
        self._send(signal.SIGTERM)

    def kill(self) -> None:
        """Send SIGKILL."""
        self._send(signal.SIGKILL)

    async def wait(self) -> int:
        """Return the exit code once it has ended: minus the signal's number after a signal."""
        return await asyncio.shield(self._end)

    def _send(self, signum: signal.Signals) -> None:
        """Send a signal. No other process can get the id before `_on_end` waits for the worker."""
        if self._end.done():
            raise ProcessLookupError(self.pid)
        os.kill(self.pid, signum)

    def _on_end(self) -> None:
        self._loop.remove_reader(self._descriptor)
        os.close(self._descriptor)
        try:
            _, status = os.waitpid(self.pid, 0)
        except ChildProcessError:
            log.warning("worker.exit_unknown", pid=self.pid, note="it is not our child")
            self._end.set_result(UNKNOWN_EXIT)
        else:
            self._end.set_result(os.waitstatus_to_exitcode(status))
