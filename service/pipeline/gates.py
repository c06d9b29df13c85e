"""Who may send now: each endpoint has a cap, and each lane its share of the connection pool.

A healthy endpoint that is busy for a moment is worth a short wait in line. One that is so slow that
the wait would be long is not: its deliveries are deferred, so that they do not fill the prefetch
window that others need.
"""

import asyncio
from collections import deque

from service.domain.endpoint import Endpoint

FIRST_GUESS_S = 0.05
"""How long an endpoint is taken to need before it was seen to."""
SMOOTHING = 0.2
MOST_IDLE = 10_000
"""Endpoints remembered while nothing is under way to them."""


class Gate:
    """One endpoint's requests in flight, those waiting, and how long a request takes it."""

    __slots__ = ("duration_s", "in_flight", "waiting")

    def __init__(self) -> None:
        self.in_flight = 0
        self.duration_s = FIRST_GUESS_S
        self.waiting: deque[asyncio.Future[None]] = deque()

    @property
    def idle(self) -> bool:
        """Whether nothing would be lost by forgetting it."""
        return self.in_flight == 0 and not self.waiting


class EndpointGates:
    """Caps the requests in flight per endpoint; an answer of False means: defer."""

    def __init__(self, limit: int, longest_wait_s: float) -> None:
        self._limit = limit
        self._longest_wait_s = longest_wait_s
        self._gates: dict[Endpoint, Gate] = {}

    async def enter(self, endpoint: Endpoint) -> bool:
        """Return True once a request may be made; then `leave` must follow."""
        gate = self._gates.get(endpoint)
        if gate is None:
            gate = self._add(endpoint)
        if gate.in_flight < self._limit:
            gate.in_flight += 1
            return True
        # Little's law: those ahead in line, at `limit` a time, each taking `duration_s`.
        if (len(gate.waiting) + 1) * gate.duration_s > self._longest_wait_s * self._limit:
            return False
        return await self._wait(gate)

    def leave(self, endpoint: Endpoint, duration_s: float) -> None:
        """Give the place to the next in line, or free it."""
        gate = self._gates[endpoint]
        gate.duration_s += SMOOTHING * (duration_s - gate.duration_s)
        self._pass_on(gate)

    async def _wait(self, gate: Gate) -> bool:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        gate.waiting.append(turn)
        try:
            # The estimate may have been wrong: nobody waits for more than twice the longest.
            async with asyncio.timeout(2 * self._longest_wait_s):
                await turn
        except TimeoutError:
            # `leave` may have handed the place over in the very moment the time was up.
            return self._has_turn(gate, turn)
        except asyncio.CancelledError:
            if self._has_turn(gate, turn):
                self._pass_on(gate)
            raise
        return True

    @staticmethod
    def _has_turn(gate: Gate, turn: asyncio.Future[None]) -> bool:
        """Return whether a place was handed over after all; if not, leave the line."""
        if turn.done() and not turn.cancelled():
            return True
        gate.waiting.remove(turn)
        return False

    @staticmethod
    def _pass_on(gate: Gate) -> None:
        if gate.waiting:
            gate.waiting.popleft().set_result(None)
        else:
            gate.in_flight -= 1

    def _add(self, endpoint: Endpoint) -> Gate:
        if len(self._gates) >= MOST_IDLE:
            self._gates = {key: gate for key, gate in self._gates.items() if not gate.idle}
        gate = self._gates[endpoint] = Gate()
        return gate
