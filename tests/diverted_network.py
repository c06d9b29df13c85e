"""The world outside for tests of egress: names as a script says, and public servers played here.

A socket made here notes the address it is told to connect to, and goes to a stand-in on loopback
instead. So what is dialled is known exactly, and no packet leaves this machine.
"""

import socket
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from service.dev.servers import HOST
from service.egress.guard import System

Answers = Iterable[list[str]]


class DivertedNetwork:
    """Scripted name server and diverted connections; the last answer for a name is repeated.

    `otherwise` is the address of all names that have no script.
    """

    def __init__(
        self,
        answers: Mapping[str, Answers],
        stand_in: int | None = None,
        otherwise: str | None = None,
    ) -> None:
        self.dialled: list[tuple[str, int]] = []
        self.sockets = 0
        self.asked: defaultdict[str, int] = defaultdict(int)
        self._answers = {name: list(scripted) for name, scripted in answers.items()}
        self._stand_in = stand_in
        self._otherwise = otherwise

    def system(self) -> System:
        return System(self._lookup, self._socket)

    def _lookup(self, host: str, port: int, *_: Any) -> list[Any]:
        name = host.removesuffix(".")
        scripted = self._answers.get(name)
        if scripted is None:
            return self._numeric(host, port)
        addresses = scripted[min(self.asked[name], len(scripted) - 1)]
        self.asked[name] += 1
        return [(0, 0, 0, "", (address, port)) for address in addresses]

    def _numeric(self, host: str, port: int) -> list[Any]:
        """Understand every spelling of a number that the system does, and ask nobody."""
        try:
            return socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM, 0, socket.AI_NUMERICHOST)
        except socket.gaierror:
            if self._otherwise is None:
                raise
            return [(0, 0, 0, "", (self._otherwise, port))]

    def _socket(self, family: int, *_: int) -> socket.socket:
        self.sockets += 1
        return _DivertedSocket(socket.AddressFamily(family), self.dialled, self._stand_in)


class _DivertedSocket(socket.socket):
    def __init__(
        self,
        family: socket.AddressFamily,
        dialled: list[tuple[str, int]],
        stand_in: int | None,
    ) -> None:
        super().__init__(socket.AF_INET, socket.SOCK_STREAM)
        self._as_if = family
        self._dialled = dialled
        self._stand_in = stand_in

    @property
    def family(self) -> socket.AddressFamily:
        return self._as_if

    def connect(self, address: Any) -> None:
        self._dialled.append((str(address[0]), int(address[1])))
        if self._stand_in is None:
            raise ConnectionRefusedError(111, "nobody plays this server")
        super().connect((HOST, self._stand_in))
