"""End a benchmark by SIGTERM or SIGINT such that it stops all that it started."""

import asyncio
import signal
from collections.abc import Coroutine
from typing import Any

from service.domain.errors import SwitchhookError


async def until_stopped(work: Coroutine[Any, Any, None]) -> None:
    """Do the work. Raises SwitchhookError if SIGTERM or SIGINT ended it, after its cleanup."""
    running = asyncio.create_task(work, name="bench")
    loop = asyncio.get_running_loop()

    def stop() -> None:
        # A second Ctrl-C must not interrupt the cleanup.
        if not running.cancelling():
            running.cancel()

    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, stop)
    try:
        await running
    except asyncio.CancelledError:
        raise SwitchhookError("stopped before the measurements were complete") from None
