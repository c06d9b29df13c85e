"""Places for requests in flight, shared out by account, then by endpoint.

An account gets another place only while it holds fewer than half as many as are free (the dynamic
threshold of Choudhury and Hahne, 1998). One account whose requests hang thus ends at a third of the
places, and twenty such accounts leave a tenth of them free. As shares are counted in places *held*,
a request that takes seconds costs its account as much as thousands that take milliseconds. The lane
of retries borrows idle places of the lane of events, for endpoints that soon give them back.

A delivery that can expect a place within `longest_wait_s` waits in the line of its account and
endpoint; lines take turns. All others are deferred at once, so that they do not fill the prefetch
window that other accounts need. Each books the time that it will take, so that they come back one
after the other as their turns come.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Iterator
from itertools import takewhile

from service.domain.delivery import DeferReason, Response
from service.domain.endpoint import Endpoint
from service.observability.metrics import Metrics
from service.pipeline.limits.endpoints import (
    FIRST_GUESS_S,
    SILENT_AFTER_S,
    SMOOTHING,
    STUCK_AFTER_S,
    Endpoints,
    EndpointState,
)
from service.pipeline.limits.free_places import FreePlaces
from service.pipeline.limits.lines import Line, Place, Share, Waiting
from service.pipeline.progress import Progress

SHARE_OF_FREE = 0.5
"""Places that an account may hold for each free one."""
ROOM_PER_PLACE = 4
"""Deliveries that may wait for each place of the lane; this room is shared out as places are."""
LEAST_ROOM = 2_000
SLOW_S = 0.25
"""A line counts as stuck if its endpoint needs longer than this for a request; no place is borrowed
for one."""
BOOKED = 0.7
"""Booked part of the time that a deferred delivery will take. As tiers are coarse and others come
between, some turns are missed; with all of the time booked, the endpoint would be idle then."""
LONGEST_GAP_S = 2.0
"""Time without a finished request after which a wait can no longer be told: a busy worker seems
silent to itself. It is `SILENT_AFTER_S` where none has ever finished, as such may be dead."""
SWEEP_EVERY_S = 0.05
LINES_PER_ROUND = 100
"""Lines swept, of perhaps thousands, before other tasks may run."""
TRIES = 8
"""Accounts or lines tried when a place becomes free; the sweep tries all."""


class Places:
    """One lane's places. Only `turn` and `sweep` await."""

    def __init__(
        self,
        lane: str,
        free: FreePlaces,
        longest_wait_s: float,
        endpoints: Endpoints,
        metrics: Metrics,
        deferred_to: "Places | None" = None,
    ) -> None:
        """Deliveries that this lane defers come back to the lane `deferred_to`."""
        self.lane = lane
        self._deferred_to = deferred_to or self
        self.endpoints = endpoints
        self._free = free
        self._room = max(LEAST_ROOM, free.own * ROOM_PER_PLACE)
        self._longest_wait_s = longest_wait_s
        self._shares: dict[str, Share] = {}
        self._short: OrderedDict[Share, None] = OrderedDict()
        self._waiting = 0
        metrics.measure(metrics.places_held.labels(lane), lambda: free.held)
        metrics.measure(metrics.in_line.labels(lane), lambda: self._waiting)
        metrics.measure(metrics.accounts_waiting.labels(lane), self._accounts_waiting)

    def enter(
        self, account_id: str, endpoint: Endpoint, progress: Progress
    ) -> Place | Waiting | DeferReason:
        """Return a place, a wait that is short enough, or the reason to defer the delivery."""
        state = self.endpoints.of(endpoint)
        share = self._shares.get(account_id)
        if share is None:
            share = self._shares[account_id] = Share(account_id, self.endpoints.now())
        if (
            endpoint not in share.lines
            and state.in_flight < state.limit.requests
            and self._has_room(share, state)
        ):
            if state.breaker.admits(self.endpoints.now()):
                progress.begun = True
                return self._grant(share, state)
            reason: DeferReason | None = DeferReason.BROKEN
        else:
            reason = self._hopeless(share, state)
        if reason is None:
            return self._queue(share, state, progress)
        progress.begun = True
        self._forget_idle(share)
        return reason

    def leave(self, place: Place, duration_s: float, response: Response | None) -> None:
        """Give a place back; `response` is None if the request was cancelled."""
        state, share = place.state, place.share
        self.endpoints.learn(state, duration_s, response)
        state.in_flight -= 1
        share.held -= 1
        if response is not None:
            share.duration_s += SMOOTHING * (duration_s - share.duration_s)
        share.moved_at = state.moved_at
        self._free.give_back()
        if self._short:
            # First: otherwise this endpoint's lines would starve other lines of their accounts.
            self._serve_short(TRIES)
        if state.lines:
            _serve_endpoint(state)
        self._forget_idle(share)

    async def turn(self, waiting: Waiting) -> Place | DeferReason:
        """Wait for the place of a delivery; return it, or the reason to defer the delivery."""
        try:
            return await waiting.turn
        except asyncio.CancelledError:
            self.withdraw(waiting)
            raise

    def withdraw(self, entry: Place | Waiting) -> None:
        """Give back an unused place, or end the wait for one."""
        if isinstance(entry, Place):
            self.leave(entry, 0.0, None)
        elif not entry.turn.done():
            entry.turn.cancel()  # its line skips it
        elif not entry.turn.cancelled() and isinstance(place := entry.turn.result(), Place):
            self.leave(place, 0.0, None)

    def wait_s(
        self, account_id: str, endpoint: Endpoint, reason: DeferReason, left_s: float
    ) -> float | None:
        """Return in how many seconds a deferred delivery should have its turn.

        Its turn comes in `left_s`, or where that is 0, after those put off before it. None means
        that this cannot be told, as the endpoint or the account does not move.
        """
        if reason is DeferReason.SATURATED:
            state = self.endpoints.of(endpoint)
            return self._book(state, state.limit.requests, left_s)
        # It comes back to another lane, where the account's share may be smaller.
        share = self._deferred_to.share_of(account_id) or self.share_of(account_id)
        if reason is DeferReason.OVER_SHARE and share is not None:
            return self._book(share, share.held or 1, left_s)
        return None

    def share_of(self, account_id: str) -> Share | None:
        """Return the share of a busy account."""
        return self._shares.get(account_id)

    def _book(self, queue: EndpointState | Share, at_once: int, left_s: float) -> float | None:
        now = self.endpoints.now()
        untried = queue.duration_s == FIRST_GUESS_S
        if now - queue.moved_at > (SILENT_AFTER_S if untried else LONGEST_GAP_S):
            return None
        if left_s:
            return left_s
        queue.booked_until = max(now, queue.booked_until) + BOOKED * queue.duration_s / at_once
        return queue.booked_until - now

    async def sweep(self) -> None:
        """Defer deliveries that waited too long and serve the others, until cancelled."""
        while True:
            await asyncio.sleep(SWEEP_EVERY_S)
            lines = [line for share in self._shares.values() for line in share.lines.values()]
            for start in range(0, len(lines), LINES_PER_ROUND):
                for line in lines[start : start + LINES_PER_ROUND]:
                    self._sweep_line(line)
                await asyncio.sleep(0)
            self._serve_short(len(self._short))

    def holders(self) -> Iterator[tuple[str, int, int]]:
        """Yield each busy account: its id, the places it holds, its deliveries in line."""
        for share in self._shares.values():
            yield share.account_id, share.held, share.waiting

    def _accounts_waiting(self) -> float:
        """Return the share of busy accounts that have a delivery in line."""
        waiting = sum(1 for share in self._shares.values() if share.waiting)
        return waiting / len(self._shares) if self._shares else 0.0

    def _has_room(self, share: Share, state: EndpointState) -> bool:
        free: float = self._free.own
        if self._free.lender is not None and state.needs_s(self.endpoints.now()) <= SLOW_S:
            free += self._free.to_borrow()
        return share.held < free * SHARE_OF_FREE

    def _grant(self, share: Share, state: EndpointState) -> Place:
        now = self.endpoints.now()
        if state.in_flight == 0:
            state.moved_at = now
        if share.held == 0:
            share.moved_at = now
        state.in_flight += 1
        share.held += 1
        self._free.take()
        return Place(share, state, now)

    def _hopeless(self, share: Share, state: EndpointState) -> DeferReason | None:
        """Return why a wait would be too long by Little's law, or None if it is short enough."""
        if not state.breaker.closed:
            return DeferReason.BROKEN
        now = self.endpoints.now()
        line = share.lines.get(state.endpoint)
        ahead = 0 if line is None else len(line.entries)
        # Lines take turns: for each delivery of this line, every other line has one served.
        turns = min((ahead + 1) * max(1, len(state.lines)), state.waiting + 1)
        if turns * state.needs_s(now) > self._longest_wait_s * state.capacity(now):
            return DeferReason.SATURATED
        if self._has_room(share, state):
            return None
        needs_s = max(share.duration_s, now - share.moved_at)
        if (share.waiting + 1) * needs_s > self._longest_wait_s * max(1, share.held):
            return DeferReason.OVER_SHARE
        room = self._room - self._waiting
        return DeferReason.OVER_SHARE if share.waiting >= room * SHARE_OF_FREE else None

    def _queue(self, share: Share, state: EndpointState, progress: Progress) -> Waiting:
        line = share.lines.get(state.endpoint)
        if line is None:
            line = share.lines[state.endpoint] = state.lines[share] = Line(self, share, state)
        if state.in_flight < state.limit.requests:
            self.note_short(line)
        waiting = Waiting(progress, self.endpoints.now())
        line.entries.append(waiting)
        share.waiting += 1
        state.waiting += 1
        self._waiting += 1
        progress.in_line += 1
        progress.stuck += line.stuck
        return waiting

    def note_short(self, line: Line) -> None:
        """Note that a line waits for its account's share, not for its endpoint."""
        line.share.short[line.state.endpoint] = line
        self._short[line.share] = None

    def serve(self, line: Line) -> bool:
        """Give a line's first delivery a place, if its account may have another one.

        An open circuit breaker defers the delivery instead. Return whether the line was served.
        """
        share, state = line.share, line.state
        if not self._has_room(share, state):
            return False
        waiting = line.entries.popleft()
        told: Place | DeferReason = DeferReason.BROKEN
        if not waiting.turn.done() and state.breaker.admits(self.endpoints.now()):
            told = self._grant(share, state)
        self._took_out(line, waiting, told)
        return True

    def refuse(self, line: Line, count: int, reason: DeferReason) -> None:
        """Defer the first deliveries of a line."""
        for _ in range(count):
            self._took_out(line, line.entries.popleft(), reason)

    def refuse_last(self, line: Line, count: int, reason: DeferReason) -> None:
        """Defer the last deliveries of a line."""
        for _ in range(count):
            self._took_out(line, line.entries.pop(), reason)

    def _took_out(self, line: Line, waiting: Waiting, told: Place | DeferReason) -> None:
        share, state, progress = line.share, line.state, waiting.progress
        progress.begun = True
        progress.in_line -= 1
        progress.stuck -= line.stuck
        share.waiting -= 1
        state.waiting -= 1
        self._waiting -= 1
        if not waiting.turn.done():
            waiting.turn.set_result(told)
        if not line.entries:
            del share.lines[state.endpoint]
            del state.lines[share]
            self._no_longer_short(line)
            self._forget_idle(share)

    def _no_longer_short(self, line: Line) -> None:
        line.share.short.pop(line.state.endpoint, None)
        if not line.share.short:
            self._short.pop(line.share, None)

    def _serve_short(self, tries: int) -> None:
        """Serve the accounts that wait for their share, in turn, while places are free."""
        failed = 0
        # One round of failures at most: another one would fail too and only shift the turns.
        while failed < min(tries, len(self._short)):
            share = next(iter(self._short))
            self._short.move_to_end(share)
            endpoint, line = next(iter(share.short.items()))
            if line.state.in_flight >= line.state.limit.requests:
                self._no_longer_short(line)  # it now waits for its endpoint
            elif not self.serve(line):
                failed += 1
            else:
                failed = 0
                if endpoint in share.short:
                    share.short.move_to_end(endpoint)

    def _sweep_line(self, line: Line) -> None:
        state, now = line.state, self.endpoints.now()
        if not state.breaker.closed:
            self.refuse(line, len(line.entries), DeferReason.BROKEN)
            return
        # The estimate may have been wrong: the wait ends at twice `longest_wait_s`.
        overdue = now - 2 * self._longest_wait_s
        late = sum(1 for _ in takewhile(lambda waiting: waiting.since <= overdue, line.entries))
        self.refuse(line, late, DeferReason.SATURATED)
        if state.silent(now):
            # The deliveries got in line on the assumption that the endpoint answers.
            bearable = int(self._longest_wait_s * state.limit.requests / state.needs_s(now))
            self.refuse_last(line, len(line.entries) - max(1, bearable), DeferReason.SATURATED)
        moved_at = line.share.moved_at if state.endpoint in line.share.short else state.moved_at
        slow = state.needs_s(now) > SLOW_S
        _mark(line, stuck=slow or now - moved_at > STUCK_AFTER_S)
        _serve_endpoint(state)

    def _forget_idle(self, share: Share) -> None:
        if not share.held and not share.waiting:
            self._shares.pop(share.account_id, None)


def _serve_endpoint(state: EndpointState) -> None:
    """Serve the accounts that wait for an endpoint, of all lanes, in turn."""
    tries = TRIES
    while state.lines and tries and state.in_flight < state.limit.requests:
        share, line = next(iter(state.lines.items()))
        state.lines.move_to_end(share)
        if not line.places.serve(line):
            line.places.note_short(line)
            tries -= 1


def _mark(line: Line, *, stuck: bool) -> None:
    """Note in the progress of the line's messages whether the line is stuck."""
    if stuck != line.stuck:
        line.stuck = stuck
        for waiting in line.entries:
            waiting.progress.stuck += 1 if stuck else -1
