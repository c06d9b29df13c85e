"""Receivers that do not speak HTTP as one should: resets, garbage, answers without an end."""

import asyncio
import socket
import ssl
import subprocess
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Self

from service.dev.servers import HOST, free_port
from tests.chaos.proxy import RESET_ON_CLOSE
from tests.chaos.sink import Seen, Sink, call_id_in

Manners = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
HEADERS_END = b"\r\n\r\n"


async def silence(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Take the connection and everything it says, and never answer."""
    while await reader.read(65536):
        pass
    writer.close()


async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Read the request and reset the connection."""
    await reader.readuntil(HEADERS_END)
    sock = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
    writer.transport.abort()


async def garbage(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer with bytes that are no HTTP."""
    await reader.readuntil(HEADERS_END)
    writer.write(bytes(range(128, 256)) * 20 + HEADERS_END)
    await writer.drain()
    writer.close()


async def endless_body(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer 200 and go on and on."""
    await reader.readuntil(HEADERS_END)
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    chunk = b"10000\r\n" + b"x" * 65536 + b"\r\n"
    while not writer.is_closing():
        writer.write(chunk)
        await writer.drain()


async def dripping_body(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer 200, then a byte a second."""
    await reader.readuntil(HEADERS_END)
    await _drip(writer, b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", b"x" * 1000)


async def dripping_headers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer a byte a second from the status line on."""
    await reader.readuntil(HEADERS_END)
    await _drip(writer, b"H", b"TTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")


async def endless_headers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Begin an answer whose headers never end."""
    await reader.readuntil(HEADERS_END)
    writer.write(b"HTTP/1.1 200 OK\r\n")
    while not writer.is_closing():
        writer.write(b"X-More: " + b"y" * 1000 + b"\r\n")
        await writer.drain()


async def polite(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer 200."""
    await reader.readuntil(HEADERS_END)
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    await writer.drain()
    writer.close()


async def _drip(writer: asyncio.StreamWriter, at_once: bytes, slowly: bytes) -> None:
    writer.write(at_once)
    for byte in slowly:
        await writer.drain()
        await asyncio.sleep(1)
        writer.write(bytes([byte]))


class FaultyReceiver:
    """A server with bad manners; what it answers 200 to stands in the sink as taken."""

    def __init__(
        self, manners: Manners, sink: Sink, *, takes: bool, tls: ssl.SSLContext | None = None
    ) -> None:
        self.port = free_port()
        self.most = 0
        """How many connections it had at once at most."""
        self._manners = manners
        self._sink = sink
        self._takes = takes
        self._tls = tls
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    @property
    def uri(self) -> str:
        """Where it listens."""
        return f"{'https' if self._tls else 'http'}://{HOST}:{self.port}/"

    async def __aenter__(self) -> Self:
        """Listen."""
        self._server = await asyncio.start_server(self._serve, HOST, self.port, ssl=self._tls)
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
        self.most = max(self.most, len(self._tasks))
        listening = Overheard(reader)
        try:
            if self._takes:
                self._sink.seen.append(await listening.request())
            await self._manners(listening.again(), writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            # Nobody else cancels it, and asyncio's server would report it as an error.
            pass
        finally:
            writer.close()


class Overheard:
    """Reads a request, and gives it to another reader once more."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self._reader = reader
        self._heard: bytes | None = None

    async def request(self) -> Seen:
        """Return the request that is being made."""
        head = await self._reader.readuntil(HEADERS_END)
        lines = head.decode("latin-1").split("\r\n")
        headers = {
            name.lower(): value.strip()
            for name, _, value in (line.partition(":") for line in lines[1:])
        }
        body = await self._reader.readexactly(int(headers.get("content-length", "0")))
        self._heard = head + body
        return Seen(
            lines[0].split(" ")[1],
            headers["host"].partition(":")[0],
            call_id_in(body),
            headers["x-hook-id"],
            headers["webhook-id"],
            int(headers["x-switchhook-attempt"]),
            time.monotonic(),
            200,
        )

    def again(self) -> asyncio.StreamReader:
        """Return a reader that begins at the beginning."""
        if self._heard is None:
            return self._reader
        repeated = asyncio.StreamReader()
        repeated.feed_data(self._heard)
        return repeated


class Authority:
    """A certificate authority of our own, by the openssl command."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        directory.mkdir()
        self._openssl("req -x509 -nodes -keyout ca.key -out ca.pem -subj /CN=chaos -days 30", KEY)

    @property
    def certificate(self) -> Path:
        """What a client must trust."""
        return self._directory / "ca.pem"

    def context(self, name: str, days: int) -> ssl.SSLContext:
        """Return a server's side of TLS, valid for some days from now, which may be negative."""
        alternative = ("-addext", f"subjectAltName=IP:{HOST}")
        self._openssl(
            f"req -nodes -keyout {name}.key -out {name}.csr -subj /CN={HOST}", (*KEY, *alternative)
        )
        self._openssl(
            f"x509 -req -in {name}.csr -CA ca.pem -CAkey ca.key -CAcreateserial "
            f"-copy_extensions copy -days {days} -out {name}.pem"
        )
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self._directory / f"{name}.pem", self._directory / f"{name}.key")
        return context

    def _openssl(self, arguments: str, more: tuple[str, ...] = ()) -> None:
        subprocess.run(
            ["openssl", *arguments.split(), *more],
            cwd=self._directory,
            check=True,
            capture_output=True,
        )


KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1")
