"""One connection to a port of the service, with its deadlines and error answers."""

import asyncio
from collections.abc import Awaitable, Callable
from http import HTTPStatus

import structlog
from aiohttp import web

from service.api.http.connections import Connections
from service.api.http.envelope import NAME, failure, new_request_id
from service.api.http.errors import BUG, NOT_HTTP, TOO_MANY_CONNECTIONS, Failure

LINGER_S = 5.0
"""Seconds for which the rest of an unwanted body is read, so that the answer is not lost."""

log = structlog.get_logger(__name__)


class Connection(web.RequestHandler):
    """aiohttp's protocol with deadlines, and with aiohttp's error pages in our envelope.

    One deadline counts at a time: one for the headers, from the first byte of a request or from the
    opening of the connection; none while the request is answered, since its own steps have
    deadlines; then one for the client to read the answer and to send the next request.
    """

    def __init__(self, server: web.Server, connections: Connections) -> None:
        super().__init__(
            server,
            loop=asyncio.get_running_loop(),
            access_log=None,  # type: ignore[arg-type] # None is what aiohttp's own runner passes
            lingering_time=LINGER_S,
        )
        self._connections = connections
        self._deadline: asyncio.TimerHandle | None = None
        self._works = False
        self._asks = True
        self.on_lost: Callable[[], None] = lambda: None
        """Called when the connection ends, for an answer that only its end can stop."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.Protocol`; the connection is refused if there are too many."""
        super().connection_made(transport)
        peer = transport.get_extra_info("peername")
        if self._connections.admit(self, peer[0] if peer else None):
            self._expect(self._connections.limits.header_timeout_s)
            return
        if self.transport is not None:
            self.transport.write(_as_bytes(TOO_MANY_CONNECTIONS))
        self.force_close()

    def connection_lost(self, exc: BaseException | None) -> None:
        """See `asyncio.Protocol`."""
        self._expect(None)
        self._connections.leave(self)
        self.on_lost()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        if not self._works and not self._asks:
            self._asks = True
            self._expect(self._connections.limits.header_timeout_s)
        super().data_received(data)

    def pause_writing(self) -> None:
        """See `asyncio.Protocol`: the client does not read what it is sent."""
        super().pause_writing()
        self._expect(self._connections.limits.idle_timeout_s)

    def resume_writing(self) -> None:
        """See `asyncio.Protocol`."""
        super().resume_writing()
        self._expect(None if self._works else self._connections.limits.idle_timeout_s)

    def begin(self) -> None:
        """Note that the headers of a request are complete."""
        self._works = True
        self._expect(None)
        self._connections.works(self)

    def end(self) -> None:
        """Note that the request has an answer, which will be sent next."""
        self._works = self._asks = False
        if self.transport is not None:
            self._expect(self._connections.limits.idle_timeout_s)
            self._connections.waits(self)

    def cut_off(self) -> None:
        """End the connection at once, dropping unsent data."""
        if self.transport is None:
            return
        if self.transport.get_write_buffer_size():
            # Closing would wait for a client that does not read.
            self.transport.abort()
        else:
            self.transport.close()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002 (it quotes what the client sent)
    ) -> web.StreamResponse:
        """Return the answer to an error that aiohttp found, and close the connection after it.

        Status 400 means a request that is not HTTP: the client's fault, which is not logged.
        """
        if status != NOT_HTTP.status:
            log.error("api.bug", method=request.method, path=request.path, exc_info=exc)
        failed = NOT_HTTP if status == NOT_HTTP.status else BUG
        response = failure(failed, new_request_id())
        response.force_close()
        return response

    def _expect(self, within_s: float | None) -> None:
        """Set the deadline after which the connection is cut off; None clears it."""
        if self._deadline is not None:
            self._deadline.cancel()
        loop = asyncio.get_running_loop()
        self._deadline = None if within_s is None else loop.call_later(within_s, self.cut_off)


@web.middleware
async def watched(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Notify the connection when the headers of a request are complete, and when it is answered."""
    connection = request.protocol
    if not isinstance(connection, Connection):
        return await handler(request)
    connection.begin()
    try:
        return await handler(request)
    finally:
        connection.end()


async def in_our_words(_: web.Request, response: web.StreamResponse) -> None:
    """Put errors that aiohttp itself raised into our envelope, and hide its version.

    This handler of the signal `on_response_prepare` sees every response but those of
    `Connection.handle_error`.
    """
    response.headers["Server"] = NAME
    if isinstance(response, web.HTTPException):
        reason = response.reason.lower()
        failed = Failure(response.status, reason.replace(" ", "_"), {"message": reason})
        ours = failure(failed, new_request_id())
        body = _body_of(ours)
        response.body = body
        response.headers.update({**ours.headers, "Content-Length": str(len(body))})


def _as_bytes(failed: Failure) -> bytes:
    """Return a complete HTTP answer, for use without aiohttp; the connection ends after it."""
    response = failure(failed, new_request_id())
    body = _body_of(response)
    own = {"Content-Length": str(len(body)), "Connection": "close"}
    lines = [f"HTTP/1.1 {failed.status} {HTTPStatus(failed.status).phrase}"]
    lines += [f"{name}: {value}" for name, value in {**response.headers, **own}.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


def _body_of(response: web.Response) -> bytes:
    return response.body if isinstance(response.body, bytes) else b""
