"""Serve HTTP: one small web server per port."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import web

from service.api.http.clients import Clients
from service.api.http.connection import Connection, in_our_words, watched
from service.api.http.connections import ConnectionLimits, Connections
from service.domain.errors import SwitchhookError


@asynccontextmanager
async def serve(
    application: web.Application, host: str, port: int, connections: Connections | None = None
) -> AsyncIterator[None]:
    """Serve while the block runs. Raises SwitchhookError if the port is taken."""
    async with serve_on(listen(host, port), application, connections):
        yield


@asynccontextmanager
async def serve_on(
    sockets: Sequence[socket.socket],
    application: web.Application,
    connections: Connections | None = None,
) -> AsyncIterator[None]:
    """Serve the application on listening sockets while the block runs; then close them.

    Connections have the default limits unless `connections` is given.
    """
    connections = connections or Connections(ConnectionLimits(), Clients())
    async with _runner(application) as runner, _listening(runner, sockets, connections):
        yield


@asynccontextmanager
async def serve_at(path: Path, application: web.Application) -> AsyncIterator[None]:
    """Serve the application on a Unix socket, replacing one that was left there.

    Raises SwitchhookError if that fails, as with a path that is too long.
    """
    async with _runner(application) as runner:
        try:
            await web.UnixSite(runner, str(path)).start()
        except OSError as error:
            raise SwitchhookError(f"cannot listen on {path}: {error}") from error
        yield


def with_routes(
    routes: Sequence[web.RouteDef], application: web.Application | None = None
) -> web.Application:
    """Return the application, or a new one, with these routes added."""
    application = application if application is not None else web.Application()
    application.add_routes(routes)
    return application


@asynccontextmanager
async def _listening(
    runner: web.AppRunner, sockets: Sequence[socket.socket], connections: Connections
) -> AsyncIterator[None]:
    """Accept connections; at the end, the runner closes those that are still open."""
    loop, server = asyncio.get_running_loop(), runner.server
    if server is None:
        raise RuntimeError("the runner is not set up")
    listening = [
        await loop.create_server(lambda: Connection(server, connections), sock=listener)
        for listener in sockets
    ]
    try:
        yield
    finally:
        for each in listening:
            each.close()


@asynccontextmanager
async def _runner(application: web.Application) -> AsyncIterator[web.AppRunner]:
    application.middlewares.insert(0, watched)
    application.on_response_prepare.append(in_our_words)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=2)
    await runner.setup()
    try:
        yield runner
    finally:
        await runner.cleanup()


def listen(host: str, port: int) -> list[socket.socket]:
    """Return listening sockets, one for each address of the host.

    Raises SwitchhookError if the port is taken, or the host is not this machine.
    """
    try:
        found = socket.getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        return [socket.create_server(where, family=family) for family, _, _, _, where in found]
    except OSError as error:
        raise SwitchhookError(f"cannot listen on {host}:{port}: {_reason(error)}") from error


def _reason(error: OSError) -> str:
    resolving = isinstance(error, socket.gaierror)
    text = error.strerror if resolving else os.strerror(error.errno or 0)
    return str(text).lower()
