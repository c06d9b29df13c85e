"""Making HTTP requests: one session over one bounded pool, and an outcome for whatever happens."""

import ssl
from collections.abc import Collection
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache

import aiohttp
from yarl import URL

from service.adapters.dialling import JudgingResolver, judged_connector, log_refusal, told
from service.adapters.egress import Refusal
from service.adapters.egress_guard import EgressGuard, System
from service.adapters.http_failures import failure, printable, refused_by
from service.adapters.tls import EVERYBODY, CertificateWatch, contexts_of
from service.domain.delivery import Outcome, Request, Response, outcome_of_status
from service.domain.policy import EgressPolicy, HttpPolicy, TlsPolicy
from service.observability.metrics import Metrics

MOST_HEADERS = 50
MOST_HEADER_CHARS = 1024
URIS_REMEMBERED = 20_000

DEFAULT_TLS = TlsPolicy()
SYSTEM = System()


class HttpSender:
    """See `ports.Sender`. Must be made and closed inside a running event loop.

    An account with a client certificate has connections of its own: nobody else's request is sent
    over one that was made in its name. Raises SettingsError where a file cannot be used.
    """

    def __init__(
        self,
        policy: HttpPolicy,
        egress: EgressPolicy,
        metrics: Metrics,
        tls: TlsPolicy = DEFAULT_TLS,
        own_ports: Collection[int] = (),
        system: System = SYSTEM,
    ) -> None:
        self._guard = EgressGuard(egress, own_ports)
        self._judged = lru_cache(maxsize=URIS_REMEMBERED)(self._guard.judged)
        self._policy = policy
        self._body_bytes = policy.response_body_bytes
        self._in_use = metrics.pool_in_use
        self._watch = CertificateWatch()
        metrics.measure(metrics.certificates_expiring, self._watch.expiring)
        contexts = contexts_of(tls, self._watch.handshaken)
        self._system = system
        self._resolver = JudgingResolver(self._guard, system)
        self._sessions = {whose: self._open(context) for whose, context in contexts.items()}
        self._session = self._sessions[EVERYBODY]

    def _open(self, context: ssl.SSLContext) -> aiohttp.ClientSession:
        limit = self._policy.pool_limit
        return aiohttp.ClientSession(
            connector=judged_connector(self._guard, self._system, self._resolver, context, limit),
            timeout=_timeout(self._policy, self._policy.total_timeout_s),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            auto_decompress=False,
            skip_auto_headers=("Accept", "Content-Type", "User-Agent"),
            headers={"Accept-Encoding": "identity"},
        )

    async def close(self) -> None:
        """Close all connections."""
        for session in self._sessions.values():
            await session.close()
        await self._resolver.close()

    async def send(self, request: Request) -> Response:
        """See `ports.Sender`."""
        try:
            judged = self._judged(request.uri, request.https_only)
        except ValueError as error:
            return Response(Outcome.INVALID_REQUEST, detail=printable(str(error)))
        if isinstance(judged, Refusal):
            log_refusal(judged, None)
            return Response(Outcome.EGRESS_REFUSED, detail=told(judged))
        self._in_use.inc()
        try:
            return await self._exchange(request, _with_query(judged, request.query))
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            refused = refused_by(error)
            if refused is not None:
                log_refusal(refused.refusal, judged.host)
            return failure(error)
        finally:
            self._in_use.dec()

    async def _exchange(self, request: Request, url: URL) -> Response:
        session = self._sessions.get(request.account_id, self._session)
        async with session.request(
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


@lru_cache(maxsize=100)
def _timeout(policy: HttpPolicy, total_s: float) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(total=total_s, sock_connect=policy.connect_timeout_s)


def _with_query(url: URL, query: str) -> URL:
    """Return the URL with a ready-made query appended as it is, after `?` or `&`."""
    if not query:
        return url
    plain = str(url.with_fragment(None))
    return URL(f"{plain}{'&' if url.raw_query_string else '?'}{query}", encoded=True)


def _headers(response: aiohttp.ClientResponse) -> tuple[tuple[str, str], ...]:
    pairs = list(response.headers.items())[:MOST_HEADERS]
    return tuple((printable(name), printable(value[:MOST_HEADER_CHARS])) for name, value in pairs)


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
