"""State of each endpoint in this process: requests in flight, concurrency limit, circuit breaker.

All lanes share it, as a receiver's capacity does not depend on the queue a request came from. Only
questions of calls have states of their own: they cannot wait until deliveries have ended.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Any

import structlog

from service.domain.breaker import Breaker, BreakerPolicy
from service.domain.delivery import Response
from service.domain.endpoint import Endpoint
from service.observability.metrics import Metrics
from service.pipeline.limits.adaptive_limit import FIRST_LIMIT, AdaptiveLimit

FIRST_GUESS_S = 0.05
"""Assumed duration of a request to an endpoint without a history."""
SMOOTHING = 0.2
MOST_IDLE = 10_000
"""Number of known endpoints at which idle ones are forgotten to make room for a new one."""
TIDY_EVERY_S = 5.0
STUCK_AFTER_S = 0.1
"""Time without a finished request after which an endpoint's waiting deliveries count as stuck."""
SILENT_AFTER_S = 0.3
"""Time without a finished request after which an endpoint is silent: its limit will not grow."""

log = structlog.get_logger(__name__)


class EndpointState:
    """State of one endpoint. Times are of one monotonic clock, in seconds."""

    __slots__ = (
        "_most", "booked_until", "breaker", "duration_s", "endpoint", "in_flight", "limit", "lines",
        "moved_at", "waiting",
    )  # fmt: skip

    def __init__(self, endpoint: Endpoint, most: int, first: int = FIRST_LIMIT) -> None:
        self.endpoint = endpoint
        self._most = most
        self.in_flight = 0
        self.waiting = 0
        self.lines: OrderedDict[Any, Any] = OrderedDict()
        """Lines of all lanes whose deliveries wait for it, by account share; see `places`."""
        self.limit = AdaptiveLimit(most, first)
        self.moved_at = 0.0
        """Time when the last request ended, or the first of those in flight began."""
        self.duration_s = FIRST_GUESS_S
        self.booked_until = 0.0
        """When the deliveries put off so far, as the endpoint is busy, should have been made."""
        self.breaker = Breaker()

    @property
    def idle(self) -> bool:
        """Whether no request is in flight and no delivery waits."""
        return self.in_flight == 0 and self.waiting == 0

    def silent(self, now: float) -> bool:
        """Return whether requests are in flight and none has ended for `SILENT_AFTER_S`."""
        return self.in_flight > 0 and now - self.moved_at > SILENT_AFTER_S

    def capacity(self, now: float) -> int:
        """Return how many requests it may soon have in flight.

        It is the maximum, to which answers raise the limit, or the present limit while silent.
        """
        return self.limit.requests if self.silent(now) else self._most

    def needs_s(self, now: float) -> float:
        """Return the expected duration of a request.

        It is the moving average, or the time without a finished request if that is longer.
        """
        if self.in_flight == 0:
            return self.duration_s
        return max(self.duration_s, now - self.moved_at)


class Endpoints:
    """States of the endpoints that are or were busy; the number of idle ones is bounded."""

    def __init__(
        self,
        most_in_flight: int,
        policy: BreakerPolicy,
        metrics: Metrics,
        now: Callable[[], float] = time.monotonic,
        first_limit: int = FIRST_LIMIT,
    ) -> None:
        self.now = now
        self._first_limit = first_limit
        self._most_in_flight = most_in_flight
        self._policy = policy
        self._open = metrics.breakers_open
        self._states: dict[Endpoint, EndpointState] = {}

    def of(self, endpoint: Endpoint) -> EndpointState:
        """Return an endpoint's state, creating it if necessary."""
        state = self._states.get(endpoint)
        if state is None:
            if len(self._states) >= MOST_IDLE:
                self._make_room()
            state = EndpointState(endpoint, self._most_in_flight, self._first_limit)
            self._states[endpoint] = state
        return state

    def busy(self) -> Iterator[EndpointState]:
        """Yield the endpoints with a request in flight or a waiting delivery."""
        return (state for state in self._states.values() if not state.idle)

    def learn(self, state: EndpointState, duration_s: float, response: Response | None) -> None:
        """Update the state after a request; `response` is None if it was cancelled."""
        state.moved_at = self.now()
        if response is None:
            state.breaker.abandoned()
            return
        state.duration_s += SMOOTHING * (duration_s - state.duration_s)
        if response.endpoint_failed:
            state.limit.failed()
            if state.breaker.failed(self._policy, state.moved_at):
                self._open.inc()
                outcome = response.outcome
                log.warning("endpoint.broken", endpoint=str(state.endpoint), outcome=outcome)
        elif response.status is None:
            state.breaker.abandoned()
        else:
            state.limit.answered(self._most_in_flight)
            if not state.breaker.spotless and state.breaker.succeeded():
                self._open.dec()
                log.info("endpoint.recovered", endpoint=str(state.endpoint))

    def pause_s(self, endpoint: Endpoint) -> float:
        """Return for how long an endpoint's breaker is open this time; 0 where it is closed."""
        state = self._states.get(endpoint)
        return 0.0 if state is None else state.breaker.pause_s

    async def tidy(self) -> None:
        """Forget idle endpoints whose breaker's trial is long overdue, until cancelled."""
        while True:
            await asyncio.sleep(TIDY_EVERY_S)
            now = self.now()
            stale = [
                endpoint
                for endpoint, state in self._states.items()
                if state.idle and state.breaker.stale(self._policy, now)
            ]
            for endpoint in stale:
                self._forget(endpoint)

    def _make_room(self) -> None:
        """Forget idle endpoints: all without a failure, or if there are none, the oldest ones."""
        idle = [endpoint for endpoint, state in self._states.items() if state.idle]
        spotless = [e for e in idle if self._states[e].breaker.spotless]
        for endpoint in spotless or idle[: MOST_IDLE // 2]:
            self._forget(endpoint)

    def _forget(self, endpoint: Endpoint) -> None:
        if not self._states.pop(endpoint).breaker.closed:
            self._open.dec()
