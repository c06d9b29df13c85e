"""The connections of one port: how many may be open, and how long each may be idle."""

import time
from collections import Counter, OrderedDict
from dataclasses import dataclass
from typing import Protocol

import structlog

from service.api.http.clients import Clients

LEAST = 16
TELL_EVERY_S = 10.0

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """Deadlines, and the most connections in all and from one address."""

    header_timeout_s: float = 10.0
    idle_timeout_s: float = 75.0
    most: int = 400
    most_per_address: int = 100


class Closable(Protocol):
    """A connection that can be counted and closed."""

    def cut_off(self) -> None:
        """End it at once, dropping unsent data."""


class Connections:
    """Counts connections by address. At the limit, the connection idle for longest is closed.

    A connection is idle while no request on it is being answered. So a client that opens
    connections and uses them slowly loses them first, and health checks are still accepted.
    """

    def __init__(self, limits: ConnectionLimits, clients: Clients) -> None:
        self.limits = limits
        self._clients = clients
        self._addresses: dict[Closable, str | None] = {}
        self._counts: Counter[str | None] = Counter()
        self._waiting: OrderedDict[Closable, None] = OrderedDict()
        self._refused = 0
        self._told_at = -TELL_EVERY_S

    def admit(self, connection: Closable, peer: str | None) -> bool:
        """Count the connection and return True, or return False if the limits forbid it."""
        address = self._clients.connection_key(peer)
        full = address is not None and self._counts[address] >= self.limits.most_per_address
        if full or (len(self._addresses) >= self.limits.most and not self._make_room()):
            self._tell(peer)
            return False
        self._addresses[connection] = address
        self._counts[address] += 1
        self._waiting[connection] = None
        return True

    def works(self, connection: Closable) -> None:
        """Note that a request is being answered."""
        self._waiting.pop(connection, None)

    def waits(self, connection: Closable) -> None:
        """Note that no request is being answered from now on."""
        if connection in self._addresses:
            self._waiting[connection] = None
            self._waiting.move_to_end(connection)

    def leave(self, connection: Closable) -> None:
        """Forget a connection; an unknown one is ignored."""
        self._waiting.pop(connection, None)
        if connection in self._addresses:
            address = self._addresses.pop(connection)
            self._counts[address] -= 1
            if not self._counts[address]:
                del self._counts[address]

    def _make_room(self) -> bool:
        oldest = next(iter(self._waiting), None)
        if oldest is None:
            return False
        self.leave(oldest)
        oldest.cut_off()
        return True

    def _tell(self, peer: str | None) -> None:
        """Log the number of refused connections, once in `TELL_EVERY_S` at most."""
        self._refused += 1
        now = time.monotonic()
        if now - self._told_at >= TELL_EVERY_S:
            log.warning("api.connections_refused", count=self._refused, peer=peer)
            self._refused, self._told_at = 0, now


def most_connections(wanted: int, descriptors: int, reserved: int) -> int:
    """Return how many connections may be open, given the process's descriptors and a reserve."""
    allowed = max(LEAST, min(wanted, descriptors - reserved))
    if allowed < wanted:
        log.warning(
            "api.connections_capped",
            wanted=wanted,
            allowed=allowed,
            note=f"of {descriptors} descriptors, {reserved} are reserved for deliveries",
        )
    return allowed
