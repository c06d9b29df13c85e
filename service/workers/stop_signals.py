"""Stop a worker when its supervisor sends SIGTERM, or has ended."""

import asyncio
import os
import signal
import sys

import structlog

log = structlog.get_logger(__name__)


def stop_with_supervisor(stop: asyncio.Event) -> None:
    """Set `stop` on SIGTERM, and when the supervisor's end of standard input is closed.

    A second SIGTERM has no effect, as it need not be a second request: `systemctl stop` sends it to
    every process, and the supervisor passes its own on. Only the supervisor cuts the wait short, by
    SIGKILL.
    """
    loop = asyncio.get_running_loop()
    supervisor_pipe = sys.stdin.fileno()

    def on_input() -> None:
        if os.read(supervisor_pipe, 1024):
            return
        loop.remove_reader(supervisor_pipe)
        if not stop.is_set():
            log.warning("worker.orphaned", note="the supervisor has ended")
        stop.set()

    loop.add_signal_handler(signal.SIGTERM, stop.set)
    loop.add_reader(supervisor_pipe, on_input)
