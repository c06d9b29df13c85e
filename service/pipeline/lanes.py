"""The loop of every consumed queue: take a message in, settle it, acknowledge it.

Acknowledge or reject is decided here and nowhere else. A message that is neither stays with the
broker, which hands it out again once our connection is gone.

A message that is not settled soon is parked: it waits for a receiver that hangs, for the broker to
confirm, or for the store. Parked messages do not count against the window, so others go by.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable

import structlog

from service.domain.errors import RejectedMessage, RejectReason
from service.observability.metrics import Metrics
from service.pipeline.limits.window import Window
from service.pipeline.progress import Progress
from service.pipeline.recovery.availability import Availability
from service.pipeline.recovery.returned import Returned
from service.pipeline.recovery.suspects import Suspects
from service.ports import Incoming, Queues

Work = Callable[[Incoming, Progress], Awaitable[None]]

PARK_AFTER_S = 0.1
LOOK_EVERY_S = 0.05

log = structlog.get_logger(__name__)


class Held:
    """An unacknowledged message: since when it is held, its size, its progress."""

    __slots__ = ("paced_since", "progress", "since", "size_bytes")

    def __init__(self, since: float, paced_since: float, size_bytes: int) -> None:
        self.since = since
        self.paced_since = paced_since
        self.size_bytes = size_bytes
        self.progress = Progress()


class Lane:
    """Runs `work` on every message, each in a task of its own.

    The tasks do not belong to the connection that brought the message: when it is lost they go on,
    and a copy that is delivered again waits for the first to end.
    """

    def __init__(
        self,
        name: str,
        work: Work,
        window: Window,
        queues: Queues,
        metrics: Metrics,
        availability: Availability,
        suspects: Suspects,
        now: Callable[[], float] = time.monotonic,
        pace: Callable[[], float] | None = None,
        returned: Returned | None = None,
    ) -> None:
        self.name = name
        self._now = now
        self._pace = pace or now
        self._window = window
        self._task_name = f"{name} message"
        self._work = work
        self._queues = queues
        self._metrics = metrics
        self._availability = availability
        self._suspects = suspects
        self._returned = returned or Returned()
        self._underway: dict[bytes, tuple[Incoming, asyncio.Task[None]]] = {}
        self._held: dict[int, Held] = {}
        self._held_bytes = 0
        self._parked = 0
        self._not_begun_s = 0.0
        self._waiting = 0
        self._empty = asyncio.Event()
        self._empty.set()
        self._tasks = asyncio.TaskGroup()
        self.settled_at = self._busy_since = self._taken_at = self._waiting_since = self._now()
        self._settled = 0
        metrics.tally(metrics.settled.labels(name), lambda: self._settled)
        metrics.measure(metrics.unacked.labels(name), lambda: len(self._held))
        metrics.measure(metrics.oldest_unacked.labels(name), self._oldest_s)
        metrics.measure(metrics.queue_waiting.labels(name), lambda: self._waiting)
        metrics.measure(metrics.parked.labels(name), lambda: self._parked)
        metrics.measure(metrics.oldest_not_begun.labels(name), self.not_begun_s)

    @property
    def unsettled(self) -> int:
        """The number of unacknowledged messages."""
        return len(self._held)

    @property
    def waiting(self) -> int:
        """The number of messages in the queue, when it was last looked at."""
        return self._waiting

    def idle_s(self) -> float | None:
        """Return the time since a message was taken in; None if none ever was."""
        none_yet = not self._settled and not self._held
        return None if none_yet else self._now() - self._taken_at

    def window_size(self) -> int:
        """Return how many unacknowledged messages the broker may have delivered to us."""
        return self._window.size(self._parked, self._held_bytes)

    def not_begun_s(self) -> float:
        """Return for how long the oldest message waits to be begun, here or in the queue.

        Of those in the queue it is the time since they were seen there, or since we last took one
        in: they wait for so long at least.
        """
        if not self._waiting:
            return self._not_begun_s
        since = max(self._taken_at, self._waiting_since)
        return max(self._not_begun_s, self._now() - since)

    def state(self, stall_s: float) -> str:
        """Return `ok`, or what is wrong: nothing was settled, or not begun, for so long."""
        now = self._now()
        idle_s = now - max(self.settled_at, self._busy_since)
        held, waiting = len(self._held), self._waiting
        if (held or waiting) and idle_s >= stall_s:
            return f"{held} messages held, {waiting} in the queue, none settled for {idle_s:.0f} s"
        not_begun_s = min(self.not_begun_s(), now - self._busy_since)
        if not_begun_s >= stall_s:
            since = f"one not begun for {not_begun_s:.0f} s"
            return f"{held} messages held, {waiting} in the queue, {since}"
        return "ok"

    def note_waiting(self, messages: int) -> None:
        """Note the backlog of the queue: an idle lane with a backlog counts as stalled."""
        if messages and not self._waiting:
            self._waiting_since = self._now()
            if not self._held:
                self._busy_since = self._waiting_since
        self._waiting = messages

    def _oldest_s(self) -> float:
        """Return for how long the oldest message is held; they stand in the order of arrival."""
        oldest = next(iter(self._held.values()), None)
        return 0.0 if oldest is None else self._now() - oldest.since

    async def run(self) -> None:
        """Keep the tasks until cancelled; that cancels them too, and the broker redelivers."""
        async with self._tasks:
            while True:
                await asyncio.sleep(LOOK_EVERY_S)
                self._look_at_old(self._now())

    def _look_at_old(self, now: float) -> None:
        """Count parked messages and find the oldest one not begun, in the order of arrival."""
        parked, not_begun_s, paced = 0, 0.0, self._pace()
        for held in self._held.values():
            if now - held.since < PARK_AFTER_S:
                break
            # A busy event loop delays every message: that parks none.
            parked += paced - held.paced_since >= PARK_AFTER_S and not held.progress.moving
            if not held.progress.begun:
                not_begun_s = max(not_begun_s, now - held.since)
        self._parked, self._not_begun_s = parked, not_begun_s

    def accept(self, incoming: Incoming) -> None:
        """Take a message in and return at once."""
        now = self._now()
        if not self._held:
            self._busy_since = now
            self._empty.clear()
        self._taken_at = now
        held = self._held[id(incoming)] = Held(now, self._pace(), len(incoming.body))
        self._held_bytes += held.size_bytes
        earlier = self._underway.get(incoming.body) if incoming.redelivered else None
        settling = self._settle(incoming, held.progress, earlier)
        task = self._tasks.create_task(settling, name=self._task_name)
        # A third copy waits for the second.
        self._underway[incoming.body] = incoming, task

    async def drain(self) -> None:
        """Return once every message held is settled."""
        await self._empty.wait()

    async def _settle(
        self,
        incoming: Incoming,
        progress: Progress,
        earlier: tuple[Incoming, asyncio.Task[None]] | None,
    ) -> None:
        try:
            if earlier is not None:
                await asyncio.wait([earlier[1]])
                self._suspects.vouch(incoming.deliveries)
            if await self._work_or_reject(incoming, progress):
                incoming.ack()
            self.settled_at = self._now()
            self._settled += 1
        finally:
            if incoming.deliveries:
                self._suspects.settled(incoming)
                self._returned.discard(progress)
            latest = self._underway.get(incoming.body)
            if latest is not None and latest[0] is incoming:
                del self._underway[incoming.body]
            self._held_bytes -= self._held.pop(id(incoming)).size_bytes
            if not self._held:
                self._empty.set()

    async def _work_or_reject(self, incoming: Incoming, progress: Progress) -> bool:
        """Settle or reject the message; return whether to acknowledge it."""
        try:
            if incoming.deliveries:
                self._returned.add(progress)
                await self._suspects.admit(incoming)
            await self._work(incoming, progress)
        except RejectedMessage as rejection:
            return await self._reject(incoming, rejection.reason, rejection.detail)
        except Exception:
            log.exception("message.bug", lane=self.name, routing_key=incoming.routing_key)
            return await self._reject(incoming, RejectReason.BUG, "see the log")
        return True

    async def _reject(self, incoming: Incoming, reason: RejectReason, detail: str) -> bool:
        """Move the message away with its reason; return whether to acknowledge it.

        Where it cannot even be published again, the broker moves it, without a reason.
        """
        moved = True
        try:
            await self._availability.until_confirmed(
                lambda: self._queues.reject(incoming, reason, detail)
            )
        except Exception:
            log.exception("message.bug", lane=self.name, routing_key=incoming.routing_key)
            await incoming.refuse()
            moved = False
        self._metrics.rejected[reason].inc()
        log.warning(
            "message.rejected",
            lane=self.name,
            reason=reason.value,
            detail=detail,
            exchange=incoming.exchange,
            routing_key=incoming.routing_key,
            size_bytes=len(incoming.body),
        )
        return moved
