"""One connection of a port of ours, from the first byte to the last."""

import asyncio

import structlog
from aiohttp import web

from service.api.envelope import NAME, failure, new_request_id
from service.api.errors import BUG, NOT_HTTP, Failure

log = structlog.get_logger(__name__)


class Connection(web.RequestHandler):
    """aiohttp's protocol, with its error pages in our envelope."""

    def __init__(self, server: web.Server) -> None:
        super().__init__(
            server,
            loop=asyncio.get_running_loop(),
            access_log=None,  # type: ignore[arg-type] # None is what aiohttp's own runner passes
        )

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002 (it quotes what the client sent)
    ) -> web.StreamResponse:
        """Return what aiohttp answers by itself, and close the connection after it.

        A status of 400 is a request that is not HTTP, which is no fault of ours.
        """
        if status != NOT_HTTP.status:
            log.error("api.bug", method=request.method, path=request.path, exc_info=exc)
        failed = NOT_HTTP if status == NOT_HTTP.status else BUG
        response = failure(failed, new_request_id())
        response.force_close()
        return response


async def in_our_words(_: web.Request, response: web.StreamResponse) -> None:
    """Put the errors that aiohttp made itself into our envelope, and hide its version.

    It is a handler of the signal `on_response_prepare`: no response goes around it, but those of
    `Connection.handle_error`.
    """
    response.headers["Server"] = NAME
    if isinstance(response, web.HTTPException):
        reason = response.reason.lower()
        failed = Failure(response.status, reason.replace(" ", "_"), {"message": reason})
        ours = failure(failed, new_request_id())
        body = ours.body if isinstance(ours.body, bytes) else b""
        response.body = body
        response.headers.update({**ours.headers, "Content-Length": str(len(body))})
