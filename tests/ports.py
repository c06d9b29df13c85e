"""Ports that no other run of tests on this machine is given, though nobody listens there."""

import random
import socket
from collections.abc import Iterator

from service.dev import servers
from service.dev.servers import NO_CONNECTIONS_PORTS

BLOCK = 64
"""Ports that are reserved together: each reservation costs an open socket."""

_reservations: list[socket.socket] = []


def reserve_ports() -> None:
    """Have `free_port` give ports of blocks that this process alone has, until it ends."""
    # Private, since only tests run several times at once on one machine.
    servers._shuffled_ports = _reserved()


def _reserved() -> Iterator[int]:
    starts = range(NO_CONNECTIONS_PORTS.start, NO_CONNECTIONS_PORTS.stop, BLOCK)
    for start in random.sample(starts, len(starts)):
        if _reserve(f"\0switchhook-test-ports-{start}"):
            yield from random.sample(range(start, start + BLOCK), BLOCK)


def _reserve(name: str) -> bool:
    """Take an abstract Unix address, which the kernel gives one process and frees at its end."""
    reservation = socket.socket(socket.AF_UNIX)
    try:
        reservation.bind(name)
    except OSError:
        reservation.close()
        return False
    _reservations.append(reservation)
    return True
