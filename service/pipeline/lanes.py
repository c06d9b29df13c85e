"""The loop of every queue we consume: take a message in, have it settled, acknowledge it.

Acknowledge or reject is decided here and nowhere else. A message that is neither stays with the
broker, which hands it out again once our connection is gone.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable

import structlog

from service.domain.errors import RejectedMessage, RejectReason
from service.observability.metrics import Metrics
from service.pipeline.patience import Patience
from service.pipeline.suspects import Suspects
from service.ports import Incoming, Queues

Work = Callable[[Incoming], Awaitable[None]]

log = structlog.get_logger(__name__)


class Lane:
    """Runs `work` on every message, each in a task of ours.

    The tasks do not belong to the connection that brought the message: when it is lost they go on,
    and a copy that is delivered again waits for the first to end.
    """

    def __init__(
        self,
        name: str,
        work: Work,
        queues: Queues,
        metrics: Metrics,
        patience: Patience,
        suspects: Suspects,
    ) -> None:
        self.name = name
        self._task_name = f"{name} message"
        self._work = work
        self._queues = queues
        self._metrics = metrics
        self._patience = patience
        self._suspects = suspects
        self._underway: dict[bytes, tuple[Incoming, asyncio.Task[None]]] = {}
        self._held: dict[int, float] = {}
        self._waiting = 0
        self._empty = asyncio.Event()
        self._empty.set()
        self._tasks = asyncio.TaskGroup()
        self.settled_at = self._busy_since = time.monotonic()
        self._settled = 0
        metrics.tally(metrics.settled.labels(name), lambda: self._settled)
        metrics.measure(metrics.unacked.labels(name), lambda: len(self._held))
        metrics.measure(metrics.oldest_unacked.labels(name), self._oldest_s)
        metrics.measure(metrics.queue_waiting.labels(name), lambda: self._waiting)

    @property
    def unsettled(self) -> int:
        """Messages taken in and not acknowledged yet."""
        return len(self._held)

    def state(self, stall_s: float) -> str:
        """Return `ok`, or what is wrong: there are messages, and none was settled for so long."""
        idle_s = time.monotonic() - max(self.settled_at, self._busy_since)
        held, waiting = len(self._held), self._waiting
        if not (held or waiting) or idle_s < stall_s:
            return "ok"
        return f"{held} messages held, {waiting} in the queue, none settled for {idle_s:.0f} s"

    def note_waiting(self, messages: int) -> None:
        """Note how many messages the broker has for us: with a queue full, idling is no rest."""
        if messages and not self._waiting and not self._held:
            self._busy_since = time.monotonic()
        self._waiting = messages

    def _oldest_s(self) -> float:
        """Return for how long the oldest message is held; they stand in the order of coming in."""
        since = next(iter(self._held.values()), None)
        return 0.0 if since is None else time.monotonic() - since

    async def run(self) -> None:
        """Keep the tasks until cancelled, which cancels them too: their messages go back."""
        async with self._tasks:
            await asyncio.Event().wait()

    def accept(self, incoming: Incoming) -> None:
        """Take a message in; returns at once."""
        now = time.monotonic()
        if not self._held:
            self._busy_since = now
            self._empty.clear()
        self._held[id(incoming)] = now
        earlier = self._underway.get(incoming.body) if incoming.redelivered else None
        task = self._tasks.create_task(self._settle(incoming, earlier), name=self._task_name)
        # A third copy waits for the second.
        self._underway[incoming.body] = incoming, task

    async def drain(self) -> None:
        """Return once everything taken in is settled."""
        await self._empty.wait()

    async def _settle(
        self, incoming: Incoming, earlier: tuple[Incoming, asyncio.Task[None]] | None
    ) -> None:
        try:
            if earlier is not None:
                await asyncio.wait([earlier[1]])
                self._suspects.vouch(incoming.deliveries)
            if await self._work_or_reject(incoming):
                incoming.ack()
            self.settled_at = time.monotonic()
            self._settled += 1
        finally:
            if incoming.deliveries:
                self._suspects.settled(incoming)
            latest = self._underway.get(incoming.body)
            if latest is not None and latest[0] is incoming:
                del self._underway[incoming.body]
            del self._held[id(incoming)]
            if not self._held:
                self._empty.set()

    async def _work_or_reject(self, incoming: Incoming) -> bool:
        """Return whether the message is to be acknowledged."""
        try:
            if incoming.deliveries:
                await self._suspects.admit(incoming)
            await self._work(incoming)
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
            await self._patience.until_confirmed(
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
