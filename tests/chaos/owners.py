"""Which process holds a connection, as Linux tells it; and services of several workers."""

import os
import signal
import socket
import struct
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from service.dev.process import ServiceProcess
from tests.e2e.workers import alive, pids

REMOTE, INODE = 2, 9
"""Columns of /proc/net/tcp."""


class TwoWorkers(ServiceProcess):
    """`switchhook run --workers 2`, as the systemd unit starts it."""

    def __init__(self, directory: Path, settings: Mapping[str, str]) -> None:
        super().__init__(directory, settings, workers=2)

    def workers(self) -> set[int]:
        """Return the process ids of the workers that run."""
        return alive(set(pids(self).values()))

    def kill_workers(self) -> None:
        """Kill all workers in the same moment, and leave the supervisor alone."""
        for pid in self.workers():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def connected_to(host: str, port: int, processes: Iterable[int]) -> set[int]:
    """Return which of the processes have a connection to the address."""
    packed = struct.unpack("=I", socket.inet_aton(host))[0]
    remote = f"{packed:08X}:{port:04X}"
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    sockets = {f"socket:[{row[INODE]}]" for row in rows if row[REMOTE] == remote}
    return {pid for pid in processes if sockets & _open_in(pid)}


def _open_in(pid: int) -> set[str]:
    """Return what a process has open; nothing where it has just ended."""
    found = set()
    with suppress(OSError):
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(OSError):
                found.add(str(descriptor.readlink()))
    return found
