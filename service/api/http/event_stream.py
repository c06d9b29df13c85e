"""Answers that go on until they are stopped: Server-Sent Events (WHATWG HTML, 9.2)."""

import time
from collections.abc import Sequence
from typing import Protocol

from aiohttp import web

from service.api.http.connection import Connection
from service.api.http.envelope import ALWAYS
from service.api.http.gatekeeper import Gatekeeper
from service.domain.errors import Forbidden, NotFound, Unauthenticated, Unavailable
from service.text.json_text import write_json

HEADERS = {
    **ALWAYS,
    "Content-Type": "text/event-stream",
    # Tells nginx not to hold the answer back.
    "X-Accel-Buffering": "no",
}
HEARTBEAT = b":\n\n"
REVOKED = "the token is no longer valid for this account"


class ServerEvent(Protocol):
    """The name of an event, and its data: JSON text in one line."""

    @property
    def name(self) -> str:
        """The name."""

    @property
    def data(self) -> bytes:
        """The data."""


class EventSource(Protocol):
    """A stream that a handler has opened; `close` must be called when the client is gone."""

    heartbeat_s: float
    ended: str | None
    """Why no event comes any more; None while some may."""

    async def next(self, within_s: float) -> Sequence[ServerEvent]:
        """Return the events that wait; none if none comes in time, or at the end."""

    def close(self) -> None:
        """End the stream and free its place."""


async def send_events(
    request: web.Request, source: EventSource, gatekeeper: Gatekeeper, request_id: str
) -> web.StreamResponse:
    """Send events until the source or the connection ends, or the token stops being valid."""
    connection = request.protocol
    if isinstance(connection, Connection):
        connection.on_lost = source.close
    response = web.StreamResponse(headers={**HEADERS, "X-Request-ID": request_id})
    response.force_close()
    try:
        await response.prepare(request)
        reason = await _send(request, response, source, gatekeeper)
        await response.write(_frame("end", write_json({"reason": reason})))
        await response.write_eof()
    except ConnectionError:
        pass  # the client has gone, or did not read in time
    finally:
        source.close()
    return response


async def _send(
    request: web.Request, response: web.StreamResponse, source: EventSource, gatekeeper: Gatekeeper
) -> str:
    """Send events and heart-beats; return why the stream ends. Raises ConnectionError."""
    checked_at = time.monotonic()
    while True:
        events = await source.next(source.heartbeat_s)
        for event in events:
            await response.write(_frame(event.name, event.data))
        if not events:
            if source.ended is not None:
                return source.ended
            await response.write(HEARTBEAT)
        if time.monotonic() - checked_at >= source.heartbeat_s:
            checked_at = time.monotonic()
            if not await _still_admitted(request, gatekeeper):
                return REVOKED


async def _still_admitted(request: web.Request, gatekeeper: Gatekeeper) -> bool:
    """Return whether the token is valid; while that cannot be asked, it is taken for valid."""
    try:
        await gatekeeper.check_again(request)
    except (Unauthenticated, Forbidden, NotFound):
        return False
    except Unavailable:
        return True
    return True


def _frame(name: str, data: bytes) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (name.encode(), data)
