"""Sample a process while it works: work done, CPU time, memory. Linux only."""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from service.bench.figures import Sample
from service.bench.setting.sink import Counter
from service.dev.servers import Server
from service.domain.errors import SwitchhookError

EVERY_S = 0.05
STALLED_S = 60.0
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


async def watch(count: Counter, processes: Sequence[Server], goal: int) -> list[Sample]:
    """Return samples until the goal is reached.

    Raises SwitchhookError if a process has ended, or the count has not grown for a minute.
    """
    samples = [Sample(time.monotonic(), 0, 0.0)]
    progressed_at = time.monotonic()
    while samples[-1].count < goal:
        await asyncio.sleep(EVERY_S)
        done = await count()
        cpu_s = sum(cpu_seconds(process) for process in processes)
        samples.append(Sample(time.monotonic(), done, cpu_s))
        if done > samples[-2].count:
            progressed_at = samples[-1].at
        if samples[-1].at - progressed_at > STALLED_S:
            raise SwitchhookError(f"no progress for a minute; {done} of {goal} are done")
    return samples


async def until(condition: Callable[[], Awaitable[bool]], what: str) -> None:
    """Return once the condition holds. Raises SwitchhookError if it does not in time."""
    deadline = time.monotonic() + STALLED_S
    while not await condition():
        if time.monotonic() > deadline:
            raise SwitchhookError(f"timed out waiting for {what}")
        await asyncio.sleep(EVERY_S)


def cpu_seconds(process: Server) -> float:
    """Return the CPU time of all threads since the start. Raises SwitchhookError if it ended."""
    # The program's name may contain blanks; the fields after its closing bracket do not.
    state, *fields = _proc(process, "stat").rpartition(") ")[2].split()
    if state == "Z":
        raise SwitchhookError(f"{process.name} has ended; see {process.directory}")
    return (int(fields[10]) + int(fields[11])) / _TICKS_PER_S


def memory_mb(process: Server, kind: str = "VmHWM") -> float:
    """Return the resident memory in MiB: `VmHWM` is its peak, `VmRSS` its current size."""
    lines = dict(line.split(":", 1) for line in _proc(process, "status").splitlines())
    return int(lines[kind].split()[0]) / 1024


def _proc(process: Server, name: str) -> str:
    return Path(f"/proc/{process.pid}/{name}").read_text("utf-8")
