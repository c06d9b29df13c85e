"""A TCP proxy that misbehaves as told: in front of the broker, the store or a receiver."""

import asyncio
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

from service.dev.servers import HOST, free_port

CHUNK = 64 * 1024
RESET_ON_CLOSE = struct.pack("ii", 1, 0)


@dataclass(frozen=True, slots=True)
class Weather:
    """What happens to a connection; `only` names those it happens to by what the client says.

    `cut_after` is asked once for each connection: how many bytes of the client's get through before
    it is reset. `mute` forwards nothing of what the client says any more.
    """

    black_hole: bool = False
    mute: bool = False
    cut_after: Callable[[], int] | None = None
    delay_s: float = 0.0
    only: bytes = b""


FAIR = Weather()


class Connection:
    """One connection, its two sides, and how far it may go."""

    def __init__(self, client: asyncio.StreamWriter) -> None:
        self.sides = [client]
        self.said = b""
        self.forwarded = 0
        self.limit: int | None = None

    def matches(self, weather: Weather) -> bool:
        """Return whether the weather is meant for this connection."""
        return weather.only in self.said

    def reset(self) -> None:
        """Close both sides with RST."""
        for side in self.sides:
            sock = side.get_extra_info("socket")
            if sock is not None and not side.is_closing():
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
            side.transport.abort()


class Proxy:
    """Forwards to a port of this machine, through whatever weather is set."""

    def __init__(self, target_port: int) -> None:
        self.port = free_port()
        self.cuts = 0
        self._target_port = target_port
        self._weather = FAIR
        self._change = asyncio.Event()
        self._server: asyncio.Server | None = None
        self._connections: dict[Connection, asyncio.Task[None]] = {}

    def set(self, weather: Weather) -> None:
        """Change the weather, for the connections that stand as well."""
        self._weather = weather
        # Those who wait look again; the next change has an event of its own.
        self._change.set()
        self._change = asyncio.Event()
        for connection in self._connections:
            connection.forwarded, connection.limit = 0, None

    async def refuse(self) -> None:
        """Listen no more and reset what stands."""
        if self._server is not None:
            self._server.close()
            self._server = None
        self.reset_all()

    async def listen(self) -> None:
        """Listen, again."""
        self._server = await asyncio.start_server(self._serve, HOST, self.port)

    def reset_all(self) -> None:
        """Reset every connection that stands."""
        for connection in [*self._connections]:
            connection.reset()

    async def __aenter__(self) -> Self:
        """Listen."""
        await self.listen()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Listen no more, and end what stands."""
        await self.refuse()
        tasks = [*self._connections.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = Connection(writer)
        task = asyncio.current_task()
        if task is not None:
            self._connections[connection] = task
        try:
            await self._connect_through(connection, reader, writer)
        except (OSError, asyncio.CancelledError):
            # Nobody else cancels it, and asyncio's server would report it as an error.
            connection.reset()
        finally:
            del self._connections[connection]
            for side in connection.sides:
                side.close()

    async def _connect_through(
        self, connection: Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        while self._weather.black_hole and not self._weather.only:
            await self._change.wait()
        server_reader, server_writer = await asyncio.open_connection(HOST, self._target_port)
        connection.sides.append(server_writer)
        async with asyncio.TaskGroup() as tasks:
            up = tasks.create_task(self._pump(connection, reader, server_writer, upward=True))
            down = tasks.create_task(self._pump(connection, server_reader, writer, upward=False))
            await asyncio.wait([up, down], return_when=asyncio.FIRST_COMPLETED)
            up.cancel()
            down.cancel()

    async def _pump(
        self,
        connection: Connection,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        *,
        upward: bool,
    ) -> None:
        """Forward one direction until it ends; errors of the network end it, too."""
        try:
            while data := await reader.read(CHUNK):
                if upward and len(connection.said) < CHUNK:
                    connection.said += data
                allowed = await self._weathered(connection, data, upward=upward)
                writer.write(allowed)
                await writer.drain()
                if len(allowed) < len(data):
                    self.cuts += 1
                    connection.reset()
                    return
        except OSError:
            return

    async def _weathered(self, connection: Connection, data: bytes, *, upward: bool) -> bytes:
        """Return what gets through of the data, once it may; less than all of it is a cut."""
        while self._holds(connection, upward=upward):
            await self._change.wait()
        weather = self._weather
        if not connection.matches(weather):
            return data
        if weather.delay_s:
            await asyncio.sleep(weather.delay_s)
        if weather.cut_after is None or not upward:
            return data
        if connection.limit is None:
            connection.limit = weather.cut_after()
        allowed = data[: max(0, connection.limit - connection.forwarded)]
        connection.forwarded += len(data)
        return allowed

    def _holds(self, connection: Connection, *, upward: bool) -> bool:
        weather = self._weather
        held = weather.black_hole or (weather.mute and upward)
        return held and connection.matches(weather)
