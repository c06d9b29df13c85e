"""Identity of a worker: its number and what it inherits, passed on by the supervisor."""

import socket
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

TEMPLATE = 0
"""Number of the process from which workers are forked."""


@dataclass(frozen=True, slots=True)
class WorkerIdentity:
    """Worker `number` of `count`, counted from 1.

    `directory` is the supervisor's; `listeners` are the descriptors of the API's port, inherited.
    """

    number: int
    count: int
    directory: Path
    listeners: tuple[int, ...]
    shadow: bool = False
    """Whether all workers run without sending requests; see `app.run`."""

    def arguments(self) -> Sequence[str]:
        """Return the identity as the options of the command `worker`."""
        return [
            *("--number", str(self.number), "--count", str(self.count)),
            *("--directory", str(self.directory)),
            *(text for fd in self.listeners for text in ("--listener", str(fd))),
            *(("--shadow",) if self.shadow else ()),
        ]

    def sockets(self) -> list[socket.socket]:
        """Return the sockets of the API's port that all workers share."""
        return [socket.socket(fileno=fd) for fd in self.listeners]

    @property
    def health_socket(self) -> Path:
        """Path of the socket on which this worker reports its own health."""
        return health_socket(self.directory, self.number)


def health_socket(directory: Path, number: int) -> Path:
    """Return the path of the socket on which a worker reports its own health."""
    return directory / f"worker-{number}.sock"
