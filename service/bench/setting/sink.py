"""Target of the requests: nginx, which uses little CPU, or else our own receiver."""

import re
import shutil
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import orjson

from service.dev.servers import HOST, Server, free_port
from service.domain.errors import SwitchhookError

ENDPOINTS = 10
Counter = Callable[[], Awaitable[int]]


class Sink(Server):
    """A server with ten endpoints: ten ports. Answers 200, and 503 to one in ten of `/flaky`."""

    def __init__(self, name: str, directory: Path) -> None:
        super().__init__(name, directory)
        self._ports = [free_port() for _ in range(ENDPOINTS)]

    def urls(self, path: str = "/") -> list[str]:
        """Return the address of a path on each endpoint."""
        return [f"http://{HOST}:{port}{path}" for port in self._ports]

    @asynccontextmanager
    async def counting(self) -> AsyncIterator[Counter]:
        """Yield a counter of the requests that have arrived since."""
        async with aiohttp.ClientSession() as session:
            before = await self._requests(session) + 1

            async def count() -> int:
                nonlocal before
                found = await self._requests(session) - before
                before += 1  # reading the count was a request as well
                return found

            yield count

    async def ready(self) -> None:
        """See `Server`."""
        async with aiohttp.ClientSession() as session:
            await self._requests(session)

    async def _requests(self, session: aiohttp.ClientSession) -> int:
        async with session.get(f"http://{HOST}:{self.port}/_status") as response:
            text = await response.text()
        counts = re.search(r"requests\s+\d+ \d+ (\d+)", text)
        if counts is None:
            raise SwitchhookError(f"{self.name} does not count: {text[:80]!r}")
        return int(counts[1])


class Nginx(Sink):
    """A private nginx that keeps its configuration and all its files in its directory."""

    def __init__(self, directory: Path, program: str) -> None:
        super().__init__("nginx", directory)
        self._program = program

    def command(self) -> Sequence[str]:
        """See `Server`."""
        configuration = self.directory / "nginx.conf"
        configuration.write_text(_configuration(self.directory, self.port, self._ports))
        # Without -e nginx would log to the package's directory until it has read the file.
        return [self._program, "-e", "stderr", "-p", str(self.directory), "-c", str(configuration)]


class ReceiverSink(Sink):
    """The receiver as a process: slower, but it reports the ages of events."""

    def __init__(self, directory: Path) -> None:
        super().__init__("receiver", directory)

    def command(self) -> Sequence[str]:
        """See `Server`."""
        ports = [str(port) for port in (self.port, *self._ports)]
        return [sys.executable, "-m", "service.bench.setting.receiver", *ports]

    async def ages(self) -> Mapping[str, list[float]]:
        """Return the ages in seconds of the events that arrived since the last call."""
        url = f"http://{HOST}:{self.port}/_ages"
        async with aiohttp.ClientSession() as session, session.get(url) as response:
            ages: Mapping[str, list[float]] = orjson.loads(await response.read())
            return ages

    async def marks(self) -> Mapping[str, list[tuple[str, int]]]:
        """Return the marks that arrived since the last call, with their time in nanoseconds."""
        url = f"http://{HOST}:{self.port}/_marks"
        async with aiohttp.ClientSession() as session, session.get(url) as response:
            marks: Mapping[str, list[tuple[str, int]]] = orjson.loads(await response.read())
            return marks


def sink(directory: Path) -> Sink:
    """Return the fastest sink that this machine has; not started."""
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    return Nginx(directory, program) if program else ReceiverSink(directory)


def _configuration(directory: Path, status_port: int, ports: Sequence[int]) -> str:
    listen = "".join(f"listen {HOST}:{port} backlog=1024; " for port in ports)
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temporary = "".join(f"{kind}_temp_path {directory}/{kind}; " for kind in kinds)
    return f"""
daemon off;
worker_processes 1;
pid {directory}/nginx.pid;
error_log {directory}/error.log error;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    {temporary}
    keepalive_requests 1000000000;
    keepalive_timeout 3600;
    client_body_buffer_size 64k;
    split_clients $request_id $fails {{ 10% 1; * 0; }}
    server {{
        {listen}
        location / {{ return 200; }}
        location = /flaky {{ if ($fails) {{ return 503; }} return 200; }}
    }}
    server {{
        listen {HOST}:{status_port};
        location = /_status {{ stub_status; }}
    }}
}}
"""
