"""Which messages may be poison: handed out before, to workers that died, and tried one at a time.

The broker counts how often it had to hand a message out again. It counts for every message that a
dead worker held, so most suspects are innocent. To tell them from the poison, each begins alone:
what was settled before is acknowledged by then, and does not come back when the poison strikes.
Between two strikes there is time for a worker that died to be back: one of two is always there.

A message that was only held when others' worker died, again and again, is no poison: the store
counts how often each was tried, and only for one that never survived it is anything decided.

Order: the smallest count first. Those with equal counts were held together: one round begins with
the oldest of them, the next with the newest, so that after two rounds only poison is left. Fresh
messages go on meanwhile.
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
"""How long a message waits that was handed out once before: fresh ones are settled meanwhile, and
the worker that died of it, or beside it, is back before the next one may."""
REST_S = 1.0
"""How long a suspect waits: the second start in a row finds no spare process, and takes longer."""
LONG_S = 0.1
"""A suspect that takes longer (a slow endpoint) holds up the next no more."""
NOTE_LIMIT_S = 1.0
"""A store that does not answer must not keep suspects waiting; what it is not told of counts for
nothing, and leaves the poison to the broker's own limit."""


@dataclass(order=True, slots=True)
class _Turn:
    """A suspect that waits, or has begun; the smallest is the next."""

    deliveries: int
    order: int
    due: float = field(compare=False)
    begin: asyncio.Future[None] = field(compare=False)


class Suspects:
    """Has the suspects of a lane wait for their turn, and gives up those that come too often.

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
        """Note that this process held a message when it went back to the broker, and lives.

        Then a lost connection is to blame, for this message and for all that were held with it.
        """
        self._survived = max(self._survived, deliveries)

    async def admit(self, incoming: Incoming) -> None:
        """Return when the message, handed out before, may begin; `settled` must follow.

        Raises RejectedMessage where it came so often that it is taken for poison.
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
            detail = f"handed out {incoming.deliveries} times, its worker died in {tried} trials"
            raise RejectedMessage(RejectReason.POISON, detail)

    def settled(self, incoming: Incoming) -> None:
        """Note that the message, admitted or not, is done with: the next suspect may begin."""
        turn = self._turns.pop(id(incoming), None)
        if turn is not None:
            turn.begin.cancel()
            self._go_on_after(turn)

    async def _note_trial(self, incoming: Incoming) -> int:
        """Return how often the message was tried before."""
        with suppress(StoreUnavailable, TimeoutError):
            async with asyncio.timeout(NOTE_LIMIT_S):
                return await self._counts.begin(incoming.body)
        return 0

    def _turn(self, deliveries: int) -> _Turn:
        number = next(self._numbers)
        order = number if deliveries % 2 == 0 else -number
        return _Turn(deliveries, order, self._loop.time() + REST_S, self._loop.create_future())

    def _next(self) -> None:
        """Let the next suspect begin, where none is being tried, once it has rested."""
        if self._tried is not None:
            return
        while self._resting and self._resting[0].due <= self._loop.time():
            heapq.heappush(self._ready, self._resting.popleft())
        while self._ready:
            turn = heapq.heappop(self._ready)
            # One whose lane was stopped waits no more.
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
