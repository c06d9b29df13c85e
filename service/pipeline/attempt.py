"""One HTTP request for a delivery: a place for it, and how it ended."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
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
from service.domain.endpoint import endpoint_of
from service.domain.errors import NothingSent
from service.domain.webhook import Webhook
from service.pipeline.access_tokens import AccessTokens
from service.pipeline.build import EventContent, request_for, uri_for
from service.pipeline.limits.in_flight import InFlight
from service.pipeline.limits.lines import Place, Waiting
from service.pipeline.limits.places import Places
from service.pipeline.limits.turns import Rounds
from service.pipeline.progress import Progress
from service.ports import Sender, Tracer

log = structlog.get_logger(__name__)

remembered_endpoint = lru_cache(maxsize=20_000)(endpoint_of)

FAILURES_PER_ROUND = 8
"""Of a thousand requests that time out at once, so many are followed up at a time."""

Entry = Place | Waiting | DeferReason | Attempt


@dataclass(frozen=True, slots=True)
class Attempter:
    """Makes attempts; what follows from them is decided elsewhere."""

    sender: Sender
    access_tokens: AccessTokens
    tracer: Tracer
    in_flight: InFlight = field(default_factory=InFlight)
    failures: Rounds = field(default_factory=lambda: Rounds(FAILURES_PER_ROUND))
    clock: Callable[[], float] = time.time

    def enter(
        self, delivery: Delivery, webhook: Webhook, places: Places, progress: Progress
    ) -> Entry:
        """Return a place for the next attempt, a wait for one, or why it is not to be made now.

        Where no request could ever be made from the URI, that is the attempt.
        """
        try:
            endpoint = remembered_endpoint(uri_for(delivery, webhook))
        except ValueError as error:
            response = Response(Outcome.INVALID_REQUEST, detail=str(error))
            return _made(delivery, webhook, None, response, self.clock(), 0.0)
        return places.enter(webhook.account_id, endpoint, progress)

    def pause_s(self, delivery: Delivery, webhook: Webhook, places: Places) -> float:
        """Return for how long the endpoint of the next attempt is left alone this time."""
        return places.endpoints.pause_s(remembered_endpoint(uri_for(delivery, webhook)))

    async def attempt(
        self,
        delivery: Delivery,
        webhook: Webhook,
        content: EventContent,
        places: Places,
        place: Place,
        *,
        test: bool = False,
    ) -> Attempt | DeferReason | None:
        """Return how the attempt ended, why it was not made, or None: the webhook was deleted.

        Gives the place back. A `test` keeps the whole answer.
        """
        number = len(delivery.past) + 1
        duration_s, response = 0.0, None
        task = self.in_flight.begin(webhook.webhook_id)
        try:
            started_at = self.clock()
            start = time.perf_counter()
            with self.tracer.span("attempt", delivery.traceparent) as span:
                within = span.traceparent
                request = request_for(delivery, webhook, content, number, started_at, within)
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
            if not response.outcome.succeeded:
                await self.failures.turn()
        except NothingSent as error:
            endpoint = str(place.state.endpoint)
            log.warning("attempt.nothing_sent", endpoint=endpoint, error=str(error))
            return DeferReason.NOTHING_SENT
        except asyncio.CancelledError:
            if not self.in_flight.was_cut(task):
                raise
            return None
        finally:
            self.in_flight.end(webhook.webhook_id, task)
            places.leave(place, places.endpoints.now() - place.began, response)
        return _made(delivery, webhook, request, response, started_at, duration_s, test=test)

    async def _exchange(self, request: Request, delivery: Delivery, webhook: Webhook) -> Response:
        if webhook.oauth is None or delivery.fallback_for is not None:
            return await self.sender.send(request)
        return await self.access_tokens.send(request, webhook.oauth)


def _made(
    delivery: Delivery,
    webhook: Webhook,
    request: Request | None,
    response: Response,
    started_at: float,
    duration_s: float,
    *,
    test: bool = False,
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
