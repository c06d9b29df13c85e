"""CPU time and memory of whole process trees: a server with all the processes it started. Linux."""

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Stat:
    """Parent of a process, and its CPU time with that of its ended children, in seconds."""

    parent: int
    cpu_s: float


def stat_of(line: str) -> Stat:
    """Read a line of `/proc/PID/stat` (man 5 proc_pid_stat)."""
    # The program's name may contain blanks and brackets; the fields after it do not.
    fields = line.rpartition(") ")[2].split()
    return Stat(int(fields[1]), sum(int(field) for field in fields[11:15]) / _TICKS_PER_S)


def members(stats: dict[int, Stat], roots: Iterable[int]) -> set[int]:
    """Return the roots that run, and all their descendants."""
    children: dict[int, list[int]] = {}
    for pid, stat in stats.items():
        children.setdefault(stat.parent, []).append(pid)
    found: set[int] = set()
    left = [pid for pid in roots if pid in stats]
    while left:
        pid = left.pop()
        if pid not in found:
            found.add(pid)
            left += children.get(pid, ())
    return found


def tree_cpu_s(roots: Iterable[int]) -> float:
    """Return the CPU time of the trees; that of a process whose parent ended first is lost."""
    stats = dict(_stats())
    return sum(stats[pid].cpu_s for pid in members(stats, roots))


def tree_pss_mb(roots: Iterable[int]) -> float:
    """Return the memory of the trees in MiB; pages shared by several processes count once."""
    return sum(_pss_kb(pid) for pid in members(dict(_stats()), roots)) / 1024


def _stats() -> Iterator[tuple[int, Stat]]:
    for entry in PROC.glob("[0-9]*"):
        with suppress(FileNotFoundError, ProcessLookupError):  # it ended meanwhile
            yield int(entry.name), stat_of((entry / "stat").read_text("utf-8", "replace"))


def _pss_kb(pid: int) -> int:
    with suppress(FileNotFoundError, ProcessLookupError):
        for line in (PROC / str(pid) / "smaps_rollup").read_text("utf-8").splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1])
    return 0
