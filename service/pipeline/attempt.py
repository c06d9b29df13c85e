"""One HTTP request for a delivery: its place, and its outcome."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import structlog

from service.domain.delivery import (
    Attempt,
    DeferReason,
    Outcome,
    Request,
    Response,
    attempt_id_of,
)
from service.domain.errors import NothingSent
from service.domain.freshness import Expiry
from service.pipeline.limits.in_flight import InFlight
from service.pipeline.limits.lines import Place, Waiting
from service.pipeline.limits.places import Places
from service.pipeline.limits.turns import Rounds
from service.pipeline.progress import Progress
from service.pipeline.request.access_tokens import AccessTokens
from service.pipeline.request.build import EventContent, request_for
from service.pipeline.request.destination import Owed
from service.ports import Sender, Tracer

log = structlog.get_logger(__name__)

FAILURES_PER_ROUND = 8
"""Failed attempts followed up in one round of the event loop."""
TIME_OUTS_PER_ROUND, TIME_OUT_REST = 4, 20.0
"""Thousands of requests may time out at once. Nobody is in a hurry for what follows."""

WriteRequest = Callable[[Owed, EventContent, int, float, str | None], Request]
"""Writes a request as `request_for` does, from an attempt's number, unix time and trace."""
Entry = Place | Waiting | DeferReason | Attempt


@dataclass(frozen=True, slots=True)
class Attempter:
    """Makes attempts; `deliver` decides what follows."""

    sender: Sender
    access_tokens: AccessTokens
    tracer: Tracer
    in_flight: InFlight = field(default_factory=InFlight)
    failures: Rounds = field(default_factory=lambda: Rounds(FAILURES_PER_ROUND))
    time_outs: Rounds = field(default_factory=lambda: Rounds(TIME_OUTS_PER_ROUND, TIME_OUT_REST))
    clock: Callable[[], float] = time.time

    def enter(self, owed: Owed, places: Places, progress: Progress) -> Entry:
        """Return a place for the next attempt, a wait for one, or the reason to defer.

        A URI that cannot be requested gives the attempt itself, with that outcome.
        """
        destination = owed.destination
        if destination.endpoint is None:
            response = Response(Outcome.INVALID_REQUEST, detail=destination.problem)
            return _made(owed, None, response, self.clock(), 0.0)
        return places.enter(owed.webhook.account_id, destination.endpoint, progress)

    async def attempt(
        self,
        owed: Owed,
        content: EventContent,
        places: Places,
        place: Place,
        *,
        test: bool = False,
        urgent: bool = False,
        write: WriteRequest = request_for,
    ) -> Attempt | DeferReason | None:
        """Return the attempt, the reason why it was not made, or None if the webhook was deleted.

        Gives the place back. A `test` keeps the whole answer. An attempt that failed waits for its
        turn among others, unless it is `urgent`: a call or a person waits for it.
        """
        webhook_id, response = owed.webhook.webhook_id, None
        task = self.in_flight.begin(webhook_id)
        try:
            started_at, start = self.clock(), time.perf_counter()
            request, response = await self._traced(owed, content, started_at, write, test=test)
            duration_s = time.perf_counter() - start
            if not response.outcome.succeeded and not urgent:
                timed_out = response.outcome is Outcome.TIMED_OUT
                await (self.time_outs if timed_out else self.failures).turn()
        except NothingSent as error:
            endpoint = str(place.state.endpoint)
            log.warning("attempt.nothing_sent", endpoint=endpoint, error=str(error))
            return DeferReason.NOTHING_SENT
        except asyncio.CancelledError:
            if not self.in_flight.was_cut(task):
                raise
            return None
        finally:
            self.in_flight.end(webhook_id, task)
            places.leave(place, places.endpoints.now() - place.began, response)
        return _made(owed, request, response, started_at, duration_s, test=test)

    async def _traced(
        self,
        owed: Owed,
        content: EventContent,
        started_at: float,
        write: WriteRequest,
        *,
        test: bool,
    ) -> tuple[Request, Response]:
        """Make the request within a span of the delivery's trace."""
        delivery, number = owed.delivery, len(owed.delivery.past) + 1
        with self.tracer.span("attempt", delivery.traceparent) as span:
            request = write(owed, content, number, started_at, span.traceparent)
            if test:
                request = _as_test(request)
            response = await self._sent(request, owed)
            span.note(
                delivery_id=delivery.delivery_id,
                webhook_id=owed.webhook.webhook_id,
                attempt=number,
                outcome=response.outcome.value,
                status=response.status,
            )
        return request, response

    async def _sent(self, request: Request, owed: Owed) -> Response:
        oauth = owed.destination.oauth
        if oauth is None:
            return await self.sender.send(request)
        return await self.access_tokens.send(request, oauth)


def expired(owed: Owed, expiry: Expiry, at: float) -> Attempt:
    """Return the record of an attempt that comes too late, and is not made."""
    response = Response(Outcome.EXPIRED, detail=expiry.detail)
    return replace(_made(owed, None, response, at, 0.0), expiry=expiry)


def _made(
    owed: Owed,
    request: Request | None,
    response: Response,
    started_at: float,
    duration_s: float,
    *,
    test: bool = False,
) -> Attempt:
    return Attempt(
        owed.delivery,
        len(owed.delivery.past) + 1,
        owed.destination.uri,
        request,
        response,
        started_at,
        duration_s,
        attempt_id_of(started_at),
        owed.webhook.retries,
        test,
    )


def _as_test(request: Request) -> Request:
    return replace(request, headers={**request.headers, "X-Switchhook-Test": "true"}, in_full=True)
