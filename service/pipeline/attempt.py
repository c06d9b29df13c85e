"""One HTTP request for a delivery: through its endpoint's gate, with a place in the pool."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache

import structlog

from service.domain.delivery import (
    Attempt,
    DeferReason,
    Delivery,
    Outcome,
    Request,
    Response,
    attempt_id_of,
)
from service.domain.endpoint import Endpoint, endpoint_of
from service.domain.errors import NothingSent
from service.domain.webhook import Webhook
from service.pipeline.access_tokens import AccessTokens
from service.pipeline.build import Encoder, request_for, uri_for
from service.pipeline.gates import EndpointGates
from service.ports import Sender, Tracer

log = structlog.get_logger(__name__)

remembered_endpoint = lru_cache(maxsize=20_000)(endpoint_of)


@dataclass(frozen=True, slots=True)
class Attempter:
    """Makes attempts; what follows from them is decided elsewhere."""

    sender: Sender
    access_tokens: AccessTokens
    gates: EndpointGates
    tracer: Tracer
    clock: Callable[[], float] = time.time

    async def attempt(
        self,
        delivery: Delivery,
        webhook: Webhook,
        encoder: Encoder,
        slots: asyncio.Semaphore,
        *,
        test: bool = False,
    ) -> Attempt | DeferReason:
        """Return how the next attempt ended, or why it is not to be made now.

        `slots` is the lane's share of the connection pool. A `test` keeps the whole answer.
        """
        try:
            endpoint = remembered_endpoint(uri_for(delivery, webhook))
        except ValueError as error:
            response = Response(Outcome.INVALID_REQUEST, detail=str(error))
            return self._made(delivery, webhook, None, response, self.clock(), 0.0, test=test)
        reason = await self.gates.enter(endpoint)
        if reason is not None:
            return reason
        try:
            return await self._send(delivery, webhook, encoder, endpoint, slots, test=test)
        except NothingSent as error:
            log.warning("attempt.nothing_sent", endpoint=str(endpoint), error=str(error))
            return DeferReason.NOTHING_SENT

    def pause_s(self, delivery: Delivery, webhook: Webhook) -> float:
        """Return for how long the endpoint of the next attempt is left alone this time."""
        return self.gates.pause_s(remembered_endpoint(uri_for(delivery, webhook)))

    async def _send(
        self,
        delivery: Delivery,
        webhook: Webhook,
        encoder: Encoder,
        endpoint: Endpoint,
        slots: asyncio.Semaphore,
        *,
        test: bool,
    ) -> Attempt:
        number = len(delivery.past) + 1
        duration_s, response = 0.0, None
        try:
            async with slots:
                started_at = self.clock()
                start = time.perf_counter()
                with self.tracer.span("attempt", delivery.traceparent) as span:
                    within = span.traceparent
                    request = request_for(delivery, webhook, encoder, number, started_at, within)
                    if test:
                        request = _as_test(request)
                    response = await self._exchange(request, delivery, webhook)
                    duration_s = time.perf_counter() - start
                    span.note(
                        delivery_id=delivery.delivery_id,
                        webhook_id=webhook.webhook_id,
                        attempt=number,
                        outcome=response.outcome.value,
                        status=response.status,
                    )
        finally:
            self.gates.leave(endpoint, duration_s, response)
        return self._made(delivery, webhook, request, response, started_at, duration_s, test=test)

    async def _exchange(self, request: Request, delivery: Delivery, webhook: Webhook) -> Response:
        if webhook.oauth is None or delivery.fallback_for is not None:
            return await self.sender.send(request)
        return await self.access_tokens.send(request, webhook.oauth)

    @staticmethod
    def _made(
        delivery: Delivery,
        webhook: Webhook,
        request: Request | None,
        response: Response,
        started_at: float,
        duration_s: float,
        *,
        test: bool,
    ) -> Attempt:
        return Attempt(
            delivery,
            len(delivery.past) + 1,
            uri_for(delivery, webhook),
            request,
            response,
            started_at,
            duration_s,
            attempt_id_of(started_at),
            webhook.retries,
            test,
        )


def _as_test(request: Request) -> Request:
    return replace(request, headers={**request.headers, "X-Switchhook-Test": "true"}, in_full=True)
