"""A name server on loopback that changes its mind, and how the system's resolver would ask it."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from service.dev.servers import HOST

A, INTERNET, POINTER_TO_QUESTION = 1, 1, 0xC00C
HEAD = struct.Struct("!6H")
RECORD = struct.Struct("!HHHIH4s")


@dataclass
class NameServer(asyncio.DatagramProtocol):
    """Answers every question with the next of its answers, good for no time at all (RFC 1035)."""

    answers: list[list[str]]
    questions: int = 0
    port: int = 0
    _transport: asyncio.DatagramTransport | None = field(default=None, repr=False)

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self._transport = transport
        self.port = transport.get_extra_info("sockname")[1]

    def datagram_received(self, data: bytes, addr: Any) -> None:
        addresses = self.answers[min(self.questions, len(self.answers) - 1)]
        self.questions += 1
        query_id = HEAD.unpack_from(data)[0]
        head = HEAD.pack(query_id, 0x8180, 1, len(addresses), 0, 0)
        records = [
            RECORD.pack(POINTER_TO_QUESTION, A, INTERNET, 0, 4, socket.inet_aton(address))
            for address in addresses
        ]
        assert self._transport is not None
        self._transport.sendto(head + data[HEAD.size :] + b"".join(records), addr)

    def lookup(self, host: str, port: int, *_: Any) -> list[Any]:
        """Ask it over UDP; like `socket.getaddrinfo`, this waits."""
        labels = host.removesuffix(".").encode().split(b".")
        name = b"".join(bytes([len(label)]) + label for label in labels) + b"\0"
        question = HEAD.pack(7, 0x0100, 1, 0, 0, 0) + name + struct.pack("!HH", A, INTERNET)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
            asking.settimeout(1.0)
            asking.sendto(question, (HOST, self.port))
            answer = asking.recv(512)
        count = HEAD.unpack_from(answer)[3]
        records = [
            RECORD.unpack_from(answer, len(question) + index * RECORD.size)
            for index in range(count)
        ]
        return [(0, 0, 0, "", (socket.inet_ntoa(record[-1]), port)) for record in records]


@asynccontextmanager
async def name_server(*answers: list[str]) -> AsyncIterator[NameServer]:
    loop = asyncio.get_running_loop()
    make = partial(NameServer, list(answers))
    transport, server = await loop.create_datagram_endpoint(make, local_addr=(HOST, 0))
    try:
        yield server
    finally:
        transport.close()
