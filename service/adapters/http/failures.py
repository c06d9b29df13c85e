"""Classification of HTTP errors: the outcome, and a detail that the account may read."""

import errno
import ssl
from collections.abc import Sequence

import aiohttp
from aiohttp.http_exceptions import HttpProcessingError

from service.adapters.http.dialling import EgressRefused, told
from service.adapters.http.tls import tls_detail
from service.domain.delivery import Outcome, Response
from service.domain.errors import NothingSent

MOST_DETAIL_CHARS = 200

_BY_ERROR: Sequence[tuple[type[BaseException], Outcome]] = (
    (EgressRefused, Outcome.EGRESS_REFUSED),
    (aiohttp.ConnectionTimeoutError, Outcome.CONNECT_TIMED_OUT),
    (TimeoutError, Outcome.TIMED_OUT),
    (aiohttp.InvalidURL, Outcome.INVALID_REQUEST),
    (aiohttp.ClientConnectorDNSError, Outcome.DNS_FAILED),
    (aiohttp.ClientSSLError, Outcome.TLS_FAILED),
    (ssl.SSLError, Outcome.TLS_FAILED),
    (aiohttp.ServerDisconnectedError, Outcome.RESET),
    (ConnectionResetError, Outcome.RESET),
    (HttpProcessingError, Outcome.BAD_RESPONSE),
    (aiohttp.ClientResponseError, Outcome.BAD_RESPONSE),
    (aiohttp.ClientPayloadError, Outcome.BAD_RESPONSE),
    (ValueError, Outcome.INVALID_REQUEST),
    (Exception, Outcome.UNREACHABLE),
)

_OUR_OWN = frozenset({
    errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL,
})  # fmt: skip
"""Errors of this machine, not of a receiver: no descriptors, buffers or ports are left."""

_BY_ERRNO = {
    errno.ECONNREFUSED: Outcome.REFUSED,
    errno.ECONNRESET: Outcome.RESET,
    errno.EPIPE: Outcome.RESET,
}


def failure(error: Exception) -> Response:
    """Return the response for an error. Raises NothingSent if this machine caused the error."""
    cause = _cause(error)
    if isinstance(cause, OSError) and cause.errno in _OUR_OWN:
        raise NothingSent(str(cause)) from error
    if isinstance(cause, ssl.SSLError):
        return Response(Outcome.TLS_FAILED, detail=tls_detail(cause))
    outcome = _BY_ERRNO.get(getattr(cause, "errno", None) or 0) or next(
        outcome for kind, outcome in _BY_ERROR if isinstance(cause, kind)
    )
    timed_out = outcome in (Outcome.TIMED_OUT, Outcome.CONNECT_TIMED_OUT)
    return Response(outcome, detail=None if timed_out else _detail(cause))


def refused_by(error: Exception) -> EgressRefused | None:
    """Return the refusal that an error is or wraps, or None."""
    cause = _cause(error)
    return cause if isinstance(cause, EgressRefused) else None


def _cause(error: BaseException) -> BaseException:
    """Return the wrapped error: aiohttp wraps errors of the operating system and of TLS."""
    inside = getattr(error, "certificate_error", None) or getattr(error, "os_error", None)
    if isinstance(error, aiohttp.ClientConnectorDNSError) and not isinstance(inside, EgressRefused):
        return error
    if inside is None and isinstance(error, aiohttp.ClientError):
        inside = error.__cause__ if isinstance(error.__cause__, ssl.SSLError) else None
    return inside or error


def forget_frames(error: BaseException) -> None:
    """Detach an error and its causes from the frames that they passed.

    Those frames refer to the error in turn: such a circle, with the request's body in it, would
    stay in memory until the next garbage collection.
    """
    passed: BaseException | None = error
    # Errors may be each other's cause and context: one that is detached ends the way.
    while passed is not None and passed.__traceback__ is not None:
        passed.__traceback__ = None
        passed = passed.__cause__ or passed.__context__


def _detail(cause: BaseException) -> str:
    """Return an error's text without the URI: its query may contain a password."""
    text = str(cause)
    if isinstance(cause, HttpProcessingError | aiohttp.ClientResponseError):
        text = cause.message
    if isinstance(cause, EgressRefused):
        text = told(cause.refusal)
    if isinstance(cause, aiohttp.InvalidURL):
        text = cause.description or "the URI cannot be requested"
    return printable(text)[:MOST_DETAIL_CHARS] or type(cause).__name__


def printable(text: str) -> str:
    """Return text with lone surrogates, which stand for bytes that are not UTF-8, escaped."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()
