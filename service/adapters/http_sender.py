"""Making HTTP requests over one bounded pool, and an outcome for whatever happens."""

import asyncio
from collections.abc import Collection
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache

import aiohttp
from aiohttp.http_exceptions import HttpProcessingError

from service.adapters.dialling import JudgingResolver, judged_connector, log_refusal, told
from service.adapters.egress import Refusal
from service.adapters.egress_guard import EgressGuard, System
from service.adapters.http_answer import AnswerReader
from service.adapters.http_exchange import Destination, Outbox, answered
from service.adapters.http_failures import failure, printable, refused_by
from service.adapters.http_protocol import StaleConnection
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
        self._destination = lru_cache(maxsize=URIS_REMEMBERED)(self._judged)
        self._connecting = lru_cache(maxsize=100)(self._limits)
        self._policy = policy
        self._outbox = Outbox()
        self._in_use = 0
        metrics.measure(metrics.pool_in_use, lambda: self._in_use)
        metrics.pool_limit.set(policy.pool_limit)
        self._watch = CertificateWatch()
        metrics.measure(metrics.certificates_expiring, self._watch.expiring)
        self._resolver = JudgingResolver(self._guard, system)
        self._connectors = {
            whose: judged_connector(self._guard, system, self._resolver, context, policy.pool_limit)
            for whose, context in contexts_of(tls, self._watch.handshaken).items()
        }
        self._connector = self._connectors[EVERYBODY]

    async def close(self) -> None:
        """Close all connections."""
        for connector in self._connectors.values():
            await connector.close()
        await self._resolver.close()

    async def send(self, request: Request) -> Response:
        """See `ports.Sender`."""
        try:
            destination = self._destination(request.uri, request.https_only)
        except ValueError as error:
            return Response(Outcome.INVALID_REQUEST, detail=printable(str(error)))
        if isinstance(destination, Refusal):
            log_refusal(destination, None)
            return Response(Outcome.EGRESS_REFUSED, detail=told(destination))
        self._in_use += 1
        try:
            return await self._exchange(request, destination)
        except (
            aiohttp.ClientError,
            HttpProcessingError,
            TimeoutError,
            OSError,
            ValueError,
        ) as error:
            refused = refused_by(error)
            if refused is not None:
                log_refusal(refused.refusal, destination.host)
            return failure(error)
        finally:
            self._in_use -= 1

    def _judged(self, uri: str, https_only: bool) -> Destination | Refusal:  # noqa: FBT001
        judged = self._guard.judged(uri, https_only)
        return judged if isinstance(judged, Refusal) else Destination(judged)

    async def _exchange(self, request: Request, destination: Destination) -> Response:
        connector = self._connectors.get(request.account_id, self._connector)
        where = connector, destination, self._outbox
        sent = destination.head(request) + (request.body or b"")
        total_s = request.timeout_s or self._policy.total_timeout_s
        ends_at = asyncio.get_running_loop().time() + total_s
        connecting = self._connecting(total_s)
        in_full = request.in_full
        try:
            answer = await answered(
                *where, sent, connecting, ends_at, self._reader(), in_full=in_full
            )
        except StaleConnection:
            # It was kept alive for just too long. The delivery's id makes a repeat safe, whatever
            # the verb: once, on a new connection, within the same time.
            connecting = self._limits(ends_at - asyncio.get_running_loop().time())
            answer = await answered(
                *where, sent, connecting, ends_at, self._reader(), in_full=in_full, fresh=True
            )
        return _response(answer, in_full=in_full)

    def _reader(self) -> AnswerReader:
        return AnswerReader(self._policy.response_header_bytes, self._policy.response_body_bytes)

    def _limits(self, total_s: float) -> aiohttp.ClientTimeout:
        """Return how long a connection may take in all, lookup included, and its handshake."""
        total_s = max(total_s, 0.001)  # zero would be no limit
        return aiohttp.ClientTimeout(connect=total_s, sock_connect=self._policy.connect_timeout_s)


def _response(answer: AnswerReader, *, in_full: bool) -> Response:
    outcome = outcome_of_status(answer.status)
    if outcome.succeeded and not in_full:
        # Nobody asks what a receiver had to say that took the delivery.
        return Response(outcome, answer.status)
    pairs = answer.headers()
    given = next((value for name, value in pairs if name.lower() == "retry-after"), None)
    headers = tuple(
        (printable(name[:MOST_HEADER_CHARS]), printable(value[:MOST_HEADER_CHARS]))
        for name, value in pairs[:MOST_HEADERS]
    )
    return Response(outcome, answer.status, headers, answer.body, retry_after_s=_retry_after(given))


def _retry_after(value: str | None) -> float | None:
    """Return seconds from a number or an HTTP date; None for anything else (RFC 9110, 10.2.3)."""
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            date = parsedate_to_datetime(value)
            if date.tzinfo is None:
                date = date.replace(tzinfo=UTC)
            seconds = (date - datetime.now(UTC)).total_seconds()
        except (ValueError, OverflowError):
            return None  # a year of ten digits, or a zone out of range
    return seconds if 0 <= seconds < float("inf") else None
