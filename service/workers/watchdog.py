"""Find a worker that is stopped or whose event loop hangs: it holds messages until it is killed.

The broker redelivers the messages of a killed worker at once. Messages of a frozen worker wait
until the broker misses its heartbeats, 20 to 30 s. Both limits count only time that the supervisor
observed: while the supervisor or the whole machine is suspended, no time counts.
"""

import asyncio
from collections.abc import Awaitable, Callable
from enum import StrEnum
from pathlib import Path

LOOK_EVERY_S = 0.25
STOPPED_LOOKS = 4
"""A worker found stopped by a signal in this many looks in a row is frozen."""
ASK_EVERY_S = 1.0
SILENT_S = 10.0
"""Much longer than a busy machine delays an answer."""
LONGEST_ASK_S = 3.0
"""Most that one unanswered question adds to the silence."""
STOPPED_STATE = "T"
"""Stopped by a signal; a process that a debugger holds is in state `t`."""


class Frozen(StrEnum):
    """How a worker is frozen. A value is a metric label."""

    STOPPED = "stopped"
    SILENT = "silent"


def is_stopped(pid: int) -> bool:
    """Return whether a signal (SIGSTOP) has stopped the process; False if it has ended."""
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
    """Wait for a first answer, then return once the worker has not answered for `SILENT_S`."""
    clock = asyncio.get_running_loop().time
    silent_s = 0.0
    while not await answers():  # noqa: ASYNC110 (another process has to be asked)
        await asyncio.sleep(ASK_EVERY_S)
    while silent_s < SILENT_S:
        asked_at = clock()
        await asyncio.sleep(ASK_EVERY_S)
        answered = await answers()
        silent_s = 0.0 if answered else silent_s + min(clock() - asked_at, LONGEST_ASK_S)
