"""Protocol of one connection to an endpoint: at most one request at a time, no unrequested bytes.

Replaces aiohttp's own protocol; aiohttp's connector pools and dials. Bytes that arrive while no
request is written, or that lie unread when one is about to be written, answer no request: the
connection is closed.
"""

import asyncio
import fcntl
import struct
import termios

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.http_exceptions import HttpProcessingError

from service.adapters.http.answer import AnswerReader

NOTHING_UNREAD = struct.pack("i", 0)
REST_S = 1.0
"""Wait for the rest of a successful answer that is not wanted in full: reading it only allows the
connection to be reused."""

CLOCK_STEP_S = 0.001
"""Alarms of the event loop may ring so much earlier than asked."""


class StaleConnection(aiohttp.ServerDisconnectedError):
    """A reused connection died, or had unrequested bytes on it, before the answer began."""


class Exchanging(ResponseHandler):
    """See `ResponseHandler`; only the methods that the pool calls are used."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        self.served = 0
        """Requests that were answered on this connection."""
        self._reader: AnswerReader | None = None
        self._answered: asyncio.Future[AnswerReader] | None = None
        self._written = False
        self._in_full = False
        self._descriptor = -1
        self._ends_at = 0.0
        self._alarm: asyncio.TimerHandle | None = None
        self._rings_at = 0.0
        self._broken: Exception | None = None
        """Error of aiohttp in `connection_made`, raised by `expect`."""

    @property
    def should_close(self) -> bool:
        """Whether the pool must close the connection."""
        return self._should_close or self._reader is not None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.Protocol`."""
        try:
            super().connection_made(transport)
        except (AttributeError, TypeError) as error:
            self._broken = error
        # Under TLS, unread bytes may be session tickets, which are not an answer.
        if transport.get_extra_info("sslcontext") is None:
            sock = transport.get_extra_info("socket")
            self._descriptor = -1 if sock is None else sock.fileno()

    def expect(
        self, reader: AnswerReader, ends_at: float, *, in_full: bool
    ) -> asyncio.Future[AnswerReader]:
        """Return a future of the answer to the request that `write` is going to send.

        The wait ends at `ends_at`, in the event loop's seconds. An answer wanted `in_full` is
        awaited beyond its status line. The call and the future raise StaleConnection, the future
        also TimeoutError and the error of a connection that ends without an answer.
        """
        if self._broken is not None:
            raise self._broken
        if self.transport is None or self.transport.is_closing():
            raise StaleConnection
        self._reader, self._written, self._in_full = reader, False, in_full
        self._answered = self._loop.create_future()
        self._ends_at = ends_at
        if self._alarm is None or ends_at < self._rings_at:
            self._set_alarm()
        return self._answered

    def write(self, sent: bytes) -> None:
        """Send the request, unless unrequested bytes lie on the connection."""
        transport = self.transport
        if self._reader is None or transport is None or transport.is_closing():
            return  # the waiting request has its error
        if self._has_unread():
            self._fail(StaleConnection("unrequested bytes"))
            return
        self._written = True
        transport.write(sent)

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        reader = self._reader
        if reader is None:
            self.close()
            return
        if not self._written:
            self._fail(StaleConnection("unrequested bytes"))
            return
        known = reader.status
        try:
            reader.feed(data)
        except (HttpProcessingError, AttributeError, TypeError) as error:
            self._fail(error)
            return
        if reader.complete:
            self._finish(reader)
        elif 200 <= reader.status < 300 and not known and not self._in_full:
            self._loop.call_later(REST_S, self._expire, reader)

    def _set_alarm(self) -> None:
        """Set the alarm to the end of the wait.

        It stays set after the answer, as a timer for each request takes 2 µs.
        """
        if self._alarm is not None:
            self._alarm.cancel()
        self._rings_at = self._ends_at
        self._alarm = self._loop.call_at(self._ends_at, self._ring)

    def _ring(self) -> None:
        """End the wait, unless it is that of a later request."""
        self._alarm = None
        if self._reader is None:
            return
        if self._loop.time() < self._ends_at - CLOCK_STEP_S:
            self._set_alarm()
        else:
            self._expire(self._reader)

    def _expire(self, reader: AnswerReader) -> None:
        """End a wait: accept what has arrived of the answer, or fail with TimeoutError."""
        if reader is not self._reader:
            return
        if reader.end():
            self._finish(reader)
        else:
            self._fail(TimeoutError())

    def connection_lost(self, exc: BaseException | None) -> None:
        """See `asyncio.Protocol`."""
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        reader = self._reader
        if reader is not None:
            if reader.end():
                self._finish(reader)
            elif self.served and not reader.touched:
                self._fail(StaleConnection())
            elif isinstance(exc, OSError):
                failed = aiohttp.ClientOSError(*exc.args)
                failed.__cause__ = exc  # under TLS it names the alert
                self._fail(failed)
            else:
                self._fail(aiohttp.ServerDisconnectedError())
        super().connection_lost(exc)

    def _has_unread(self) -> bool:
        if self._descriptor < 0:
            return False
        return fcntl.ioctl(self._descriptor, termios.FIONREAD, NOTHING_UNREAD) != NOTHING_UNREAD

    def _finish(self, reader: AnswerReader) -> None:
        transport = self.transport
        if reader.odd or (transport is not None and transport.get_write_buffer_size()):
            self._should_close = True  # also if it answered before the whole request was sent
        self.served += 1
        answered, self._reader = self._answered, None
        if answered is not None and not answered.done():
            answered.set_result(reader)

    def _fail(self, error: Exception) -> None:
        self._should_close = True
        answered, self._reader = self._answered, None
        if answered is not None and not answered.done():
            answered.set_exception(error)
        self.close()
