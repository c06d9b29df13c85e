"""Thousands of endpoints that misbehave in one way, on addresses of the loopback network."""

import asyncio
import itertools
from contextlib import suppress
from enum import Enum
from typing import Self

from tests.chaos.proxy import reserved_port

HEADERS_END = b"\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


class Manner(Enum):
    """What an endpoint does with a request."""

    SILENT = "that never answer"
    TRICKLING = "that send a byte a second"
    LATE = "that answer just before the time-out"
    ALTERNATING = "that answer every other request"


class Crowd:
    """One server that any address of 127.32.0.0/11 leads to; each is an endpoint of its own."""

    def __init__(self, manner: Manner, timeout_s: float) -> None:
        self.port = reserved_port()
        self._manner = manner
        self._timeout_s = timeout_s
        self._count = itertools.count()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    def uris(self, group: int, count: int) -> list[str]:
        """Return the addresses of so many endpoints; another group has others."""
        return [
            f"http://127.{32 + group}.{number // 250}.{number % 250 + 1}:{self.port}/"
            for number in range(count)
        ]

    async def __aenter__(self) -> Self:
        """Listen."""
        self._server = await asyncio.start_server(self._serve, "0.0.0.0", self.port, backlog=4096)  # noqa: S104
        return self

    async def __aexit__(self, *_: object) -> None:
        """Listen no more and end every conversation."""
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        try:
            with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
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
