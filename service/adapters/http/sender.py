"""HTTP sender: makes requests over one bounded pool and returns an outcome for each."""

from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache

import aiohttp
import structlog
from aiohttp.http_exceptions import HttpProcessingError

from service.adapters.http.dialling import JudgingResolver, judged_connector, log_refusal, told
from service.adapters.http.exchange import FastWay
from service.adapters.http.failures import failure, forget_frames, printable, refused_by
from service.adapters.http.self_test import problem_of_fast_path, told_of
from service.adapters.http.session import SessionWay
from service.adapters.http.tls import CertificateWatch, contexts_of
from service.adapters.http.way import Answered, Exchange, Way
from service.domain.delivery import Outcome, Request, Response, outcome_of_status
from service.domain.endpoint import endpoint_of
from service.domain.errors import NothingSent
from service.domain.policy import EgressPolicy, HttpPolicy, TlsPolicy
from service.egress.addresses import Refusal
from service.egress.guard import EgressGuard, System
from service.observability.metrics import Metrics

MOST_HEADERS = 50
MOST_HEADER_CHARS = 1024
URIS_REMEMBERED = 20_000

DEFAULT_TLS = TlsPolicy()
SYSTEM = System()

log = structlog.get_logger(__name__)


class HttpSender:
    """See `ports.Sender`. Must be made and closed inside a running event loop.

    Uses aiohttp's documented interface until `prepare` has found that the fast path works.

    An account with a client certificate has its own connections, which carry no other account's
    requests. Raises SettingsError if a certificate or key file cannot be used.
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
        self._policy = policy
        self._system = system
        self._in_use = 0
        metrics.measure(metrics.pool_in_use, lambda: self._in_use)
        metrics.pool_limit.set(policy.pool_limit)
        self._fast = metrics.fast_path.labels("http")
        self._watch = CertificateWatch()
        metrics.measure(metrics.certificates_expiring, lambda: len(self._watch.expiring()))
        metrics.measure(metrics.certificate_soonest, self._watch.soonest_s)
        self._resolver = JudgingResolver(self._guard, system)
        self._contexts = contexts_of(tls, self._watch.handshaken)
        self._use(SessionWay(self._connectors(kept=False), policy))

    async def prepare(self) -> None:
        """Test the fast path; use it from now on if it works, otherwise log a warning."""
        problem = await problem_of_fast_path()
        if problem is None:
            await self._way.close()
            self._use(FastWay(self._connectors(kept=True), self._policy))
        else:
            remedy = "install the pinned version of aiohttp"
            log.warning("sender.slow_path", error=problem, remedy=remedy)
        self._fast.set(problem is None)

    async def close(self) -> None:
        """Close all connections."""
        await self._way.close()
        await self._resolver.close()

    @property
    def in_use(self) -> int:
        """Number of requests in flight."""
        return self._in_use

    def certificates(self) -> Mapping[str, float]:
        """Return when the certificates of hosts expire soon, as unix seconds."""
        return self._watch.expiring()

    async def send(self, request: Request) -> Response:
        """See `ports.Sender`. Raises NothingSent also if aiohttp lacks a part that is used."""
        self._in_use += 1
        try:
            exchange = self._towards(request.uri, request.https_only)
            if isinstance(exchange, Refusal):
                log_refusal(exchange, None)
                return Response(Outcome.EGRESS_REFUSED, detail=told(exchange))
            return _response(await exchange(request), in_full=request.in_full)
        except (
            aiohttp.ClientError,
            HttpProcessingError,
            TimeoutError,
            OSError,
            ValueError,
        ) as error:
            refused = refused_by(error)
            if refused is not None:
                log_refusal(refused.refusal, endpoint_of(request.uri).host)
            response = failure(error)
            forget_frames(error)
            return response
        except (AttributeError, TypeError) as error:
            raise NothingSent(told_of(error)) from error
        finally:
            self._in_use -= 1

    def _use(self, way: Way) -> None:
        self._way = way
        self._towards = lru_cache(maxsize=URIS_REMEMBERED)(self._judged)

    def _judged(self, uri: str, https_only: bool) -> Exchange | Refusal:  # noqa: FBT001
        judged = self._guard.judged(uri, https_only)
        return judged if isinstance(judged, Refusal) else self._way.towards(judged)

    def _connectors(self, *, kept: bool) -> dict[str, aiohttp.TCPConnector]:
        limit = self._policy.pool_limit
        where = self._guard, self._system, self._resolver
        return {
            whose: judged_connector(*where, context, limit, kept=kept)
            for whose, context in self._contexts.items()
        }


def _response(answer: Answered, *, in_full: bool) -> Response:
    outcome = outcome_of_status(answer.status)
    if outcome.succeeded and not in_full:
        # The answer of a successful delivery is not kept.
        return Response(outcome, answer.status)
    pairs = answer.headers()
    given = next((value for name, value in pairs if name.lower() == "retry-after"), None)
    headers = [
        (printable(name[:MOST_HEADER_CHARS]), printable(value[:MOST_HEADER_CHARS]))
        for name, value in pairs[:MOST_HEADERS]
    ]
    return Response(
        outcome, answer.status, tuple(headers), answer.body, retry_after_s=retry_after_s(given)
    )


def retry_after_s(value: str | None) -> float | None:
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
