"""The API's port as a socket sees it."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

from service.dev.servers import HOST

Wire = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@asynccontextmanager
async def connected(port: int) -> AsyncIterator[Wire]:
    """Yield a connection; it is cut off at the end."""
    reader, writer = await asyncio.open_connection(HOST, port)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()
        with suppress(OSError):
            await writer.wait_closed()


@dataclass(frozen=True)
class RawAnswer:
    """An answer of HTTP/1.1 as it was sent."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def envelope(self) -> Any:
        return json.loads(self.body)


async def read_answer(reader: asyncio.StreamReader) -> RawAnswer:
    """Read one answer. Raises IncompleteReadError where the connection ends before."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.rstrip().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (x.partition(":") for x in lines)}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return RawAnswer(int(first.split()[1]), headers, body)


async def exchanged(port: int, request: bytes) -> RawAnswer:
    """Send bytes on a connection of their own; return the answer."""
    async with connected(port) as (reader, writer):
        writer.write(request)
        return await read_answer(reader)
