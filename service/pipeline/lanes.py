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
from service.ports import Incoming, Queues

Work = Callable[[Incoming], Awaitable[None]]

log = structlog.get_logger(__name__)


class Lane:
    """Runs `work` on every message, each in a task of ours.

    The tasks do not belong to the connection that brought the message: when it is lost they go on,
    and a copy that is delivered again waits for the first to end.
    """

    def __init__(
        self, name: str, work: Work, queues: Queues, metrics: Metrics, patience: Patience
    ) -> None:
        self.name = name
        self._task_name = f"{name} message"
        self._work = work
        self._queues = queues
        self._metrics = metrics
        self._patience = patience
        self._underway: dict[bytes, tuple[Incoming, asyncio.Task[None]]] = {}
        self._count = 0
        self._empty = asyncio.Event()
        self._empty.set()
        self._tasks = asyncio.TaskGroup()
        self.settled_at = self._busy_since = time.monotonic()
        metrics.measure(metrics.unacked.labels(name), lambda: self._count)

    @property
    def unsettled(self) -> int:
        """Messages taken in and not acknowledged yet."""
        return self._count

    def state(self, stall_s: float) -> str:
        """Return `ok`, or what is wrong: messages are held and none was settled for so long."""
        idle_s = time.monotonic() - max(self.settled_at, self._busy_since)
        if self._count == 0 or idle_s < stall_s:
            return "ok"
        return f"{self._count} messages held, none settled for {idle_s:.0f} s"

    async def run(self) -> None:
        """Keep the tasks until cancelled, which cancels them too: their messages go back."""
        async with self._tasks:
            await asyncio.Event().wait()

    def accept(self, incoming: Incoming) -> None:
        """Take a message in; returns at once."""
        if self._count == 0:
            self._busy_since = time.monotonic()
            self._empty.clear()
        self._count += 1
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
            if await self._work_or_reject(incoming):
                incoming.ack()
            self.settled_at = time.monotonic()
        finally:
            latest = self._underway.get(incoming.body)
            if latest is not None and latest[0] is incoming:
                del self._underway[incoming.body]
            self._count -= 1
            if self._count == 0:
                self._empty.set()

    async def _work_or_reject(self, incoming: Incoming) -> bool:
        """Return whether the message is to be acknowledged."""
        try:
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
