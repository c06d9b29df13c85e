"""Listening: one small web server per port."""

import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from aiohttp import web

from service.domain.errors import SwitchhookError


@asynccontextmanager
async def serve(
    routes: Sequence[web.RouteDef], host: str, port: int, application: web.Application | None = None
) -> AsyncIterator[None]:
    """Serve the routes, beside those of an application, while the block runs.

    Raises SwitchhookError where the port is taken.
    """
    application = application if application is not None else web.Application()
    application.add_routes(routes)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=2)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as error:
            raise SwitchhookError(
                f"cannot listen on {host}:{port}: {os.strerror(error.errno or 0).lower()}"
            ) from error
        yield
    finally:
        await runner.cleanup()
