"""Finding a worker that is stopped or whose event loop hangs: it holds messages until it is killed.

The broker hands out the messages of a killed worker at once. Those of a worker that is only frozen
wait until the broker misses its heartbeats, 20 to 30 s. Both limits count what the supervisor saw
by itself: when the supervisor or the whole machine stands still, no time passes for the worker.
"""

import asyncio
from collections.abc import Awaitable, Callable
from enum import StrEnum
from pathlib import Path

LOOK_EVERY_S = 0.25
STOPPED_LOOKS = 4
"""A worker that was stopped by a signal, and is so in this many looks in a row, is frozen."""
ASK_EVERY_S = 1.0
SILENT_S = 10.0
"""Much longer than a busy machine makes an answer wait."""
LONGEST_ASK_S = 3.0
"""What one question counts for at most."""
STOPPED_STATE = "T"
"""By a signal. A process that a debugger holds is in state `t`."""


class Frozen(StrEnum):
    """How a worker is frozen. A value is a metric label."""

    STOPPED = "stopped"
    SILENT = "silent"


def is_stopped(pid: int) -> bool:
    """Return whether a signal (SIGSTOP) has stopped the process; not so where it has ended."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text("ascii", "replace")
    except OSError:
        return False
    # The name before the state may hold blanks and brackets.
    return stat.rpartition(")")[2].split()[0] == STOPPED_STATE


async def until_stopped(stopped: Callable[[], bool]) -> None:
    """Return once the worker has been stopped for a second."""
    looks = 0
    while looks < STOPPED_LOOKS:
        await asyncio.sleep(LOOK_EVERY_S)
        looks = looks + 1 if stopped() else 0


async def until_silent(answers: Callable[[], Awaitable[bool]]) -> None:
    """Return once the worker has not answered for `SILENT_S`, having answered before."""
    clock = asyncio.get_running_loop().time
    silent_s = 0.0
    while not await answers():  # noqa: ASYNC110 (another process has to be asked)
        await asyncio.sleep(ASK_EVERY_S)
    while silent_s < SILENT_S:
        asked_at = clock()
        await asyncio.sleep(ASK_EVERY_S)
        answered = await answers()
        silent_s = 0.0 if answered else silent_s + min(clock() - asked_at, LONGEST_ASK_S)
