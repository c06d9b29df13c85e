"""Thousands of endpoints that misbehave in one way, on addresses of the loopback network.

    python -m tests.chaos.crowd MANNER TIMEOUT_S PORT

They have a process of their own: when the service gives up thousands of requests at once, the
process that publishes for the healthy and measures them would be late by itself.
"""

import asyncio
import itertools
import sys
from collections.abc import Sequence
from contextlib import suppress
from enum import Enum
from pathlib import Path

import uvloop

from service.dev.servers import HOST, Server

HEADERS_END = b"\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


class Manner(Enum):
    """What an endpoint does with a request."""

    SILENT = "that never answer"
    TRICKLING = "that send a byte a second"
    LATE = "that answer just before the time-out"
    ALTERNATING = "that answer every other request"


class Crowd(Server):
    """One server that any address of 127.32.0.0/11 leads to; each is an endpoint of its own."""

    def __init__(self, directory: Path, manner: Manner, timeout_s: float) -> None:
        super().__init__("crowd", directory)
        self._manner = manner
        self._timeout_s = timeout_s

    def uris(self, group: int, count: int) -> list[str]:
        """Return the addresses of so many endpoints; another group has others."""
        return [
            f"http://127.{32 + group}.{number // 250}.{number % 250 + 1}:{self.port}/"
            for number in range(count)
        ]

    def command(self) -> Sequence[str]:
        """See `Server`."""
        told = self._manner.name, str(self._timeout_s), str(self.port)
        return [sys.executable, "-m", "tests.chaos.crowd", *told]

    async def ready(self) -> None:
        """See `Server`."""
        _, writer = await asyncio.open_connection(HOST, self.port)
        writer.close()


class Endpoints:
    """The endpoints inside of the process: they answer, or not."""

    def __init__(self, manner: Manner, timeout_s: float) -> None:
        self._manner = manner
        self._timeout_s = timeout_s
        self._count = itertools.count()

    async def serve(self, port: int) -> None:
        """Listen until the process is ended."""
        server = await asyncio.start_server(self._talk, "0.0.0.0", port, backlog=4096)  # noqa: S104
        await server.serve_forever()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with suppress(OSError, asyncio.IncompleteReadError):
                while True:
                    await self._answer(reader, writer)
        finally:
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(HEADERS_END)
        length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
        await reader.readexactly(int(length or b"0"))
        match self._manner:
            case Manner.SILENT:
                await reader.readuntil(HEADERS_END)
            case Manner.TRICKLING:
                for byte in OK[:-4]:
                    writer.write(bytes([byte]))
                    await writer.drain()
                    await asyncio.sleep(1)
            case Manner.LATE:
                await asyncio.sleep(self._timeout_s - 0.5)
                writer.write(OK)
            case Manner.ALTERNATING:
                if next(self._count) % 2:
                    await reader.readuntil(HEADERS_END)
                writer.write(OK)


if __name__ == "__main__":
    _, name, seconds, listen = sys.argv
    uvloop.run(Endpoints(Manner[name], float(seconds)).serve(int(listen)))
