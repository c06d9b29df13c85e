"""Detection of poison messages, which kill their worker: suspects begin one at a time.

The broker counts the redeliveries of a message. A dead worker raises the count of every message
that it held, so most suspects are innocent. To separate them from poison, each suspect begins
alone: the suspects before it are acknowledged by then, and do not return if it kills the worker.
The pauses are long enough for a dead worker to restart, so that of two workers one is always alive.

A message that was merely held while its worker died of others is not poison. The store counts how
often each suspect was tried, and only one whose worker died in too many trials is rejected.

Order: the smallest redelivery count first. Suspects with equal counts were held together: one round
begins with the oldest, the next with the newest, so that after two rounds only poison is left.
Fresh messages are not held up.
"""

import asyncio
import heapq
import itertools
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field

from service.domain.errors import RejectedMessage, RejectReason, StoreUnavailable
from service.ports import Incoming, SuspectCounts

SUSPECT_FROM = 2
FIRST_REST_S = 0.5
"""Pause of a message after its first redelivery: fresh messages are settled in this time, and the
worker that died has restarted before the next one can die."""
REST_S = 1.0
"""Pause of a suspect. It is longer, as the second restart in a row finds no spare process."""
LONG_S = 0.1
"""Time after which a suspect still under way (a slow endpoint) no longer holds up the next."""
NOTE_LIMIT_S = 1.0
"""Longest wait for the store to count a trial. A trial that is not counted cannot reject a message;
poison is then left to the broker's delivery limit."""


@dataclass(order=True, slots=True)
class _Turn:
    """A suspect that waits or has begun; the smallest one is next."""

    deliveries: int
    order: int
    due: float = field(compare=False)
    begin: asyncio.Future[None] = field(compare=False)


class Suspects:
    """Makes the suspects of a lane wait for their turn, and rejects those that are poison.

    Must be made inside a running event loop.
    """

    def __init__(self, poison_after: int, counts: SuspectCounts) -> None:
        self._poison_after = poison_after
        self._counts = counts
        self._loop = asyncio.get_running_loop()
        self._survived = 0
        self._numbers = itertools.count()
        self._turns: dict[int, _Turn] = {}
        self._resting: deque[_Turn] = deque()
        self._ready: list[_Turn] = []
        self._tried: _Turn | None = None
        self._timer: asyncio.TimerHandle | None = None

    def vouch(self, deliveries: int) -> None:
        """Note that a message this process held was redelivered, although the process lives.

        The cause is then a lost connection, for this message and all that were held with it.
        """
        self._survived = max(self._survived, deliveries)

    async def admit(self, incoming: Incoming) -> None:
        """Return when the redelivered message may begin; `settled` must follow.

        Raises RejectedMessage if the message counts as poison after too many deaths of its worker.
        """
        suspicion = incoming.deliveries - self._survived
        if suspicion < SUSPECT_FROM:
            if suspicion > 0:
                await asyncio.sleep(FIRST_REST_S)
            return
        turn = self._turns[id(incoming)] = self._turn(incoming.deliveries)
        self._resting.append(turn)
        self._next()
        await turn.begin
        await incoming.tell()
        tried = await self._note_trial(incoming)
        if suspicion >= self._poison_after and tried >= self._poison_after - SUSPECT_FROM:
            detail = f"redelivered {incoming.deliveries} times; its worker died in {tried} trials"
            raise RejectedMessage(RejectReason.POISON, detail)

    def settled(self, incoming: Incoming) -> None:
        """Note that a message, admitted or not, is settled, so that the next suspect may begin."""
        turn = self._turns.pop(id(incoming), None)
        if turn is not None:
            turn.begin.cancel()
            self._go_on_after(turn)

    async def _note_trial(self, incoming: Incoming) -> int:
        """Count a trial of the message in the store; return the number of earlier trials."""
        with suppress(StoreUnavailable, TimeoutError):
            async with asyncio.timeout(NOTE_LIMIT_S):
                return await self._counts.begin(incoming.body)
        return 0

    def _turn(self, deliveries: int) -> _Turn:
        number = next(self._numbers)
        order = number if deliveries % 2 == 0 else -number
        return _Turn(deliveries, order, self._loop.time() + REST_S, self._loop.create_future())

    def _next(self) -> None:
        """Begin the next suspect whose pause is over, unless one is being tried."""
        if self._tried is not None:
            return
        while self._resting and self._resting[0].due <= self._loop.time():
            heapq.heappush(self._ready, self._resting.popleft())
        while self._ready:
            turn = heapq.heappop(self._ready)
            # A cancelled turn belongs to a stopped lane.
            if not turn.begin.done():
                self._try(turn)
                return
        if self._resting and self._timer is None:
            self._timer = self._loop.call_at(self._resting[0].due, self._on_rested)

    def _try(self, turn: _Turn) -> None:
        self._tried = turn
        turn.begin.set_result(None)
        self._loop.call_later(LONG_S, self._go_on_after, turn)

    def _go_on_after(self, turn: _Turn) -> None:
        if turn is self._tried:
            self._tried = None
            self._next()

    def _on_rested(self) -> None:
        self._timer = None
        self._next()
