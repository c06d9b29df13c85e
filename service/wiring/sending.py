"""The parts that make requests, and the limits they keep."""

from collections.abc import Mapping
from dataclasses import dataclass

from service.adapters.http.sender import HttpSender
from service.adapters.http.shadow_sender import ShadowSender
from service.observability.metrics import Metrics
from service.pipeline.attempt import Attempter
from service.pipeline.limits.endpoints import Endpoints
from service.pipeline.limits.free_places import FreePlaces
from service.pipeline.limits.pace import Pace
from service.pipeline.limits.places import Places
from service.pipeline.request.access_tokens import AccessTokens
from service.ports import Tracer
from service.settings.model import Settings
from service.wiring.parts import sender_of, tracer_of

EVENTS, DELIVERIES, TESTS, ASKS = "events", "deliveries", "tests", "asks"
TEST_PLACES = 16
"""Test requests of the API in flight at most."""
ASK_PLACES = 1000
"""Questions of calls in flight at most."""


@dataclass(frozen=True, slots=True)
class Sending:
    """The sending parts. `places` are the shares of the pool: two lanes, tests, and questions."""

    sender: HttpSender | ShadowSender
    tracer: Tracer
    attempter: Attempter
    pace: Pace
    endpoints: Endpoints
    asked_endpoints: Endpoints
    """States of endpoints by the questions of calls alone; an unknown one has the whole limit."""
    places: Mapping[str, Places]


def sending_of(settings: Settings, metrics: Metrics, *, shadow: bool) -> Sending:
    """Return the parts; in the shadow of another service no request leaves."""
    sender, tracer = sender_of(settings, metrics, shadow=shadow), tracer_of(settings)
    http, pace = settings.http, Pace()
    endpoints = Endpoints(http.per_endpoint_limit, settings.breaker, metrics, pace.now)
    most, for_retries = http.per_endpoint_limit, max(1, round(http.pool_limit * http.retry_share))
    asked = Endpoints(most, settings.breaker, metrics, pace.now, first_limit=most)

    def lane(
        name: str, free: FreePlaces, states: Endpoints, deferred_to: Places | None = None
    ) -> Places:
        return Places(name, free, http.longest_wait_s, states, metrics, deferred_to)

    free = FreePlaces(http.pool_limit - for_retries)
    retried = lane(DELIVERIES, FreePlaces(for_retries, lender=free), endpoints)
    lanes = (
        lane(EVENTS, free, endpoints, retried),
        retried,
        lane(TESTS, FreePlaces(TEST_PLACES), endpoints),
        lane(ASKS, FreePlaces(ASK_PLACES), asked),
    )
    places = {places.lane: places for places in lanes}
    attempter = Attempter(sender, AccessTokens(sender), tracer)
    return Sending(sender, tracer, attempter, pace, endpoints, asked, places)
