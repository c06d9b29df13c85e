"""Making HTTP requests: one session over one bounded pool, and an outcome for whatever happens."""

import errno
import socket
import ssl
from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache

import aiohttp
from aiohappyeyeballs import AddrInfoType
from aiohttp.abc import ResolveResult
from yarl import URL

from service.adapters.egress import Refusal, judge
from service.domain.delivery import Outcome, Request, Response, outcome_of_status
from service.domain.policy import EgressPolicy, HttpPolicy
from service.observability.metrics import Metrics

KEEP_ALIVE_S = 10
DNS_CACHE_S = 10
MOST_HEADERS = 50
MOST_HEADER_CHARS = 1024
MOST_DETAIL_CHARS = 200


class EgressRefused(OSError):
    """Raised inside the connector instead of dialling."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(errno.EACCES, f"egress refused by rule {refusal.rule}")
        self.refusal = refusal


class JudgingResolver(aiohttp.ThreadedResolver):
    """Refuses a name as a whole where one of its addresses may not be dialled."""

    def __init__(self, policy: EgressPolicy) -> None:
        super().__init__()
        self._policy = policy

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return the addresses of a name. Raises EgressRefused, or OSError where there are none."""
        answers = await super().resolve(host, port, family)
        for answer in answers:
            refusal = judge(self._policy, answer["host"])
            if refusal is not None:
                raise EgressRefused(refusal)
        return answers


class HttpSender:
    """See `ports.Sender`. Must be made and closed inside a running event loop."""

    def __init__(self, policy: HttpPolicy, egress: EgressPolicy, metrics: Metrics) -> None:
        self._egress = egress
        self._policy = policy
        self._body_bytes = policy.response_body_bytes
        self._in_use = metrics.pool_in_use
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=policy.pool_limit,
                resolver=JudgingResolver(egress),
                ttl_dns_cache=DNS_CACHE_S,
                keepalive_timeout=KEEP_ALIVE_S,
                socket_factory=self._dial,
                ssl=verifying_context(),
            ),
            timeout=_timeout(policy, policy.total_timeout_s),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            auto_decompress=False,
            skip_auto_headers=("Accept", "Content-Type", "User-Agent"),
            headers={"Accept-Encoding": "identity"},
        )

    async def close(self) -> None:
        """Close all connections."""
        await self._session.close()

    async def send(self, request: Request) -> Response:
        """See `ports.Sender`."""
        try:
            url = _url(request.uri, request.query)
        except ValueError as error:
            return Response(Outcome.INVALID_REQUEST, detail=str(error))
        if self._egress.require_https and url.scheme != "https":
            return Response(Outcome.EGRESS_REFUSED, detail="egress refused by rule require_https")
        self._in_use.inc()
        try:
            return await self._exchange(request, url)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            return _failure(error)
        finally:
            self._in_use.dec()

    async def _exchange(self, request: Request, url: URL) -> Response:
        async with self._session.request(
            request.verb,
            url,
            data=request.body,
            headers=request.headers,
            allow_redirects=False,
            timeout=self._timeout_of(request),
        ) as response:
            body = await self._read(response)
            outcome = outcome_of_status(response.status)
            if outcome.succeeded and not request.in_full:
                # Nobody asks what a receiver had to say that took the delivery.
                return Response(outcome, response.status)
            retry_after_s = _retry_after(response.headers.get("Retry-After"))
            headers = _headers(response)
            return Response(outcome, response.status, headers, body, retry_after_s=retry_after_s)

    def _timeout_of(self, request: Request) -> aiohttp.ClientTimeout:
        if request.timeout_s is None:
            return self._session.timeout
        return _timeout(self._policy, request.timeout_s)

    async def _read(self, response: aiohttp.ClientResponse) -> bytes:
        """Return the start of the body. The status line has decided: errors here change nothing."""
        content, parts, left = response.content, [], self._body_bytes
        try:
            while left > 0 and (part := await content.read(left)):
                parts.append(part)
                left -= len(part)
        except (aiohttp.ClientError, TimeoutError, OSError):
            response.close()
        if not content.at_eof():
            # Released into the pool, the connection would read a hostile body to its end.
            response.close()
        return b"".join(parts)

    def _dial(self, addr_info: AddrInfoType) -> socket.socket:
        """Return the socket for an address about to be connected to; the last gate before it.

        A resolver would not do: aiohttp never asks it about an IP address in a URI.
        """
        family, kind, protocol, _, sockaddr = addr_info
        refusal = judge(self._egress, str(sockaddr[0]))
        if refusal is not None:
            raise EgressRefused(refusal)
        made = socket.socket(family, kind, protocol)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return made


@lru_cache(maxsize=100)
def _timeout(policy: HttpPolicy, total_s: float) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(total=total_s, sock_connect=policy.connect_timeout_s)


def verifying_context() -> ssl.SSLContext:
    """Return how TLS is spoken: certificate and name verified, version 1.2 at least."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


@lru_cache(maxsize=20_000)
def _parsed(uri: str) -> URL:
    url = URL(uri)
    if url.scheme not in ("http", "https") or not url.host:
        raise ValueError("the URI must be http or https and name a host")
    return url


def _url(uri: str, query: str) -> URL:
    """Return the URL with a ready-made query appended as it is, after `?` or `&`."""
    url = _parsed(uri)
    if not query:
        return url
    plain = str(url.with_fragment(None))
    return URL(f"{plain}{'&' if url.raw_query_string else '?'}{query}", encoded=True)


def _headers(response: aiohttp.ClientResponse) -> tuple[tuple[str, str], ...]:
    pairs = list(response.headers.items())[:MOST_HEADERS]
    return tuple((_printable(name), _printable(value[:MOST_HEADER_CHARS])) for name, value in pairs)


def _retry_after(value: str | None) -> float | None:
    """Return seconds from a number or an HTTP date; None for anything else (RFC 9110, 10.2.3)."""
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            date = parsedate_to_datetime(value)
        except ValueError:
            return None
        if date.tzinfo is None:
            date = date.replace(tzinfo=UTC)
        seconds = (date - datetime.now(UTC)).total_seconds()
    return seconds if 0 <= seconds < float("inf") else None


_BY_ERROR: Sequence[tuple[type[Exception], Outcome]] = (
    (EgressRefused, Outcome.EGRESS_REFUSED),
    (aiohttp.ConnectionTimeoutError, Outcome.CONNECT_TIMED_OUT),
    (TimeoutError, Outcome.TIMED_OUT),
    (aiohttp.InvalidURL, Outcome.INVALID_REQUEST),
    (aiohttp.ClientConnectorDNSError, Outcome.DNS_FAILED),
    (aiohttp.ClientSSLError, Outcome.TLS_FAILED),
    (ssl.SSLError, Outcome.TLS_FAILED),
    (aiohttp.ServerDisconnectedError, Outcome.RESET),
    (ConnectionResetError, Outcome.RESET),
    (aiohttp.ClientResponseError, Outcome.BAD_RESPONSE),
    (aiohttp.ClientPayloadError, Outcome.BAD_RESPONSE),
    (ValueError, Outcome.INVALID_REQUEST),
    (Exception, Outcome.UNREACHABLE),
)

_BY_ERRNO = {
    errno.ECONNREFUSED: Outcome.REFUSED,
    errno.ECONNRESET: Outcome.RESET,
    errno.EPIPE: Outcome.RESET,
}


def _failure(error: Exception) -> Response:
    """Return what an error means. aiohttp wraps those of the system: look at what is inside."""
    inside = getattr(error, "os_error", None)
    cause: BaseException = error
    if isinstance(inside, EgressRefused) or not isinstance(
        error, aiohttp.ClientConnectorDNSError | aiohttp.ClientSSLError
    ):
        cause = inside or error
    outcome = _BY_ERRNO.get(getattr(cause, "errno", None) or 0) or next(
        outcome for kind, outcome in _BY_ERROR if isinstance(cause, kind)
    )
    timed_out = outcome in (Outcome.TIMED_OUT, Outcome.CONNECT_TIMED_OUT)
    return Response(outcome, detail=None if timed_out else _detail(cause))


def _detail(cause: BaseException) -> str:
    """Return what an error says, without the URI: its query may be a password."""
    text = cause.message if isinstance(cause, aiohttp.ClientResponseError) else str(cause)
    if isinstance(cause, aiohttp.InvalidURL):
        text = cause.description or "the URI cannot be requested"
    return _printable(text)[:MOST_DETAIL_CHARS] or type(cause).__name__


def _printable(text: str) -> str:
    """Return text without the lone surrogates that stand for bytes which are not UTF-8."""
    return text.encode("utf-8", "backslashreplace").decode()
