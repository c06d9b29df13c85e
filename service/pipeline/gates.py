"""Who may send now: each endpoint has a cap and a breaker, and each lane its share of the pool.

A healthy endpoint that is busy for a moment is worth a short wait in line. One that is so slow that
the wait would be long is not, nor is one that fails and fails: their deliveries are deferred, so
that they do not fill the prefetch window that others need.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable

import structlog

from service.domain.breaker import Breaker, BreakerPolicy
from service.domain.delivery import DeferReason, Response
from service.domain.endpoint import Endpoint
from service.observability.metrics import Metrics

FIRST_GUESS_S = 0.05
"""How long an endpoint is taken to need before it was seen to."""
SMOOTHING = 0.2
MOST_IDLE = 10_000
"""Endpoints remembered while nothing is under way to them."""
TIDY_EVERY_S = 5.0

log = structlog.get_logger(__name__)


class Gate:
    """One endpoint's requests in flight, those waiting, how long one takes, and its breaker."""

    __slots__ = ("breaker", "duration_s", "in_flight", "moved_at", "waiting")

    def __init__(self) -> None:
        self.in_flight = 0
        self.moved_at = 0.0
        """When a request ended last, or the first of those under way began."""
        self.duration_s = FIRST_GUESS_S
        self.waiting: deque[asyncio.Future[bool]] = deque()
        self.breaker = Breaker()

    @property
    def idle(self) -> bool:
        """Whether nothing is under way."""
        return self.in_flight == 0 and not self.waiting


class EndpointGates:
    """Caps the requests in flight per endpoint, and leaves broken ones alone."""

    def __init__(
        self,
        limit: int,
        longest_wait_s: float,
        policy: BreakerPolicy,
        metrics: Metrics,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limit = limit
        self._longest_wait_s = longest_wait_s
        self._policy = policy
        self._open = metrics.breakers_open
        self._now = now
        self._gates: dict[Endpoint, Gate] = {}

    async def enter(self, endpoint: Endpoint) -> DeferReason | None:
        """Return None once a request may be made; then `leave` must follow. Else, why to defer."""
        gate = self._gates.get(endpoint)
        if gate is None:
            gate = self._add(endpoint)
        if gate.in_flight >= self._limit:
            return await self._in_line(gate)
        now = self._now()
        if not gate.breaker.admits(now):
            return DeferReason.BROKEN
        if gate.in_flight == 0:
            gate.moved_at = now
        gate.in_flight += 1
        return None

    def leave(self, endpoint: Endpoint, duration_s: float, response: Response | None) -> None:
        """Learn from the response, if any came of it, and give the place to the next in line."""
        gate = self._gates[endpoint]
        gate.duration_s += SMOOTHING * (duration_s - gate.duration_s)
        gate.moved_at = self._now()
        self._learn(endpoint, gate.breaker, response)
        self._pass_on(gate)

    def pause_s(self, endpoint: Endpoint) -> float:
        """Return for how long an endpoint's breaker is open this time; 0 where it is closed."""
        gate = self._gates.get(endpoint)
        return 0.0 if gate is None else gate.breaker.pause_s

    async def tidy(self) -> None:
        """Forget breakers that nobody asks about any more, until cancelled."""
        while True:
            await asyncio.sleep(TIDY_EVERY_S)
            now = self._now()
            stale = [
                endpoint
                for endpoint, gate in self._gates.items()
                if gate.idle and gate.breaker.stale(self._policy, now)
            ]
            for endpoint in stale:
                self._forget(endpoint)

    def _learn(self, endpoint: Endpoint, breaker: Breaker, response: Response | None) -> None:
        if response is not None and response.endpoint_failed:
            if breaker.failed(self._policy, self._now()):
                self._open.inc()
                log.warning("endpoint.broken", endpoint=str(endpoint), outcome=response.outcome)
        elif response is None or response.status is None:
            breaker.abandoned()
        elif not breaker.spotless and breaker.succeeded():
            self._open.dec()
            log.info("endpoint.recovered", endpoint=str(endpoint))

    async def _in_line(self, gate: Gate) -> DeferReason | None:
        if not gate.breaker.closed:
            return DeferReason.BROKEN
        # Where nothing moves, what the endpoint needed before says nothing.
        duration_s = max(gate.duration_s, self._now() - gate.moved_at)
        # Little's law: those ahead in line, at `limit` a time, each taking `duration_s`.
        if (len(gate.waiting) + 1) * duration_s > self._longest_wait_s * self._limit:
            return DeferReason.SATURATED
        if not await self._wait(gate):
            return DeferReason.SATURATED
        if gate.breaker.admits(self._now()):
            return None
        self._pass_on(gate)  # it broke meanwhile
        return DeferReason.BROKEN

    async def _wait(self, gate: Gate) -> bool:
        """Return whether a place became free in time."""
        loop = asyncio.get_running_loop()
        turn: asyncio.Future[bool] = loop.create_future()
        gate.waiting.append(turn)
        # The estimate may have been wrong: nobody waits for more than twice the longest.
        # `asyncio.timeout` made a delivery with ten webhooks per event 193 instead of 169 µs.
        late = loop.call_later(2 * self._longest_wait_s, _turn_away, gate, turn)
        try:
            return await turn
        except asyncio.CancelledError:
            if not turn.cancelled() and turn.result():
                self._pass_on(gate)
            raise
        finally:
            late.cancel()

    @staticmethod
    def _pass_on(gate: Gate) -> None:
        while gate.waiting:
            turn = gate.waiting.popleft()
            # One who was cancelled is still in line.
            if not turn.done():
                turn.set_result(True)
                return
        gate.in_flight -= 1

    def _add(self, endpoint: Endpoint) -> Gate:
        if len(self._gates) >= MOST_IDLE:
            self._make_room()
        gate = self._gates[endpoint] = Gate()
        return gate

    def _make_room(self) -> None:
        """Forget what is idle: first what has no history, and if that is too little, the oldest."""
        idle = [endpoint for endpoint, gate in self._gates.items() if gate.idle]
        spotless = [e for e in idle if self._gates[e].breaker.spotless]
        for endpoint in spotless or idle[: MOST_IDLE // 2]:
            self._forget(endpoint)

    def _forget(self, endpoint: Endpoint) -> None:
        if not self._gates.pop(endpoint).breaker.closed:
            self._open.dec()


def _turn_away(gate: Gate, turn: asyncio.Future[bool]) -> None:
    if not turn.done():
        gate.waiting.remove(turn)
        turn.set_result(False)
