"""Consuming the queues of the event lane: changes of their number, and a fair share of them.

Every worker subscribes to every partition, and the broker delivers each partition to one of them
(single active consumer). If that worker dies, the broker turns to the next one at once.
"""

import asyncio
import math
import secrets
from collections.abc import Awaitable, Callable, Sequence

import structlog
from aio_pika.abc import AbstractConnection

from service.adapters.rabbitmq.consuming.depths import LOOK_EVERY_S, Note, keep_looking
from service.adapters.rabbitmq.consuming.open_queue import OpenQueue
from service.adapters.rabbitmq.topology.agreement import Agreement, State
from service.adapters.rabbitmq.topology.bindings import Bindings
from service.adapters.rabbitmq.topology.partitions import Partitions, Rerouting
from service.cancellation import honour_cancellation

SHARE_EVERY_S = 1.0
WAIT_S = 0.5
DRAIN_LOOK_S = 0.2
QUIET_S = 0.5
QUIET_TO_DELETE_S = 2.0
"""An old queue is deleted after it was empty for so long: an event that was routed to it before the
change may still be on its way through the broker."""

OpenOne = Callable[[str], Awaitable[OpenQueue]]

log = structlog.get_logger(__name__)


class EventQueues:
    """Consumes the event lane's queues over one connection after another."""

    def __init__(
        self,
        partitions: Partitions,
        bindings: Bindings,
        note_waiting: Note,
        look_every_s: float = LOOK_EVERY_S,
        share_every_s: float = SHARE_EVERY_S,
    ) -> None:
        self.partitions = partitions
        self._bindings = bindings
        self._note_waiting = note_waiting
        self._look_every_s = look_every_s
        self._share_every_s = share_every_s
        self._waiting_told = False
        self.consuming = False
        """Whether the queues are consumed that new events are routed to."""
        self.held: tuple[str, ...] = ()
        """Partitions that the broker delivers to this worker."""
        self.bound_or_waiting = asyncio.Event()
        """Set when the switch's exchanges are bound, or when that must wait for other workers."""

    async def run(self, connection: AbstractConnection, open_one: OpenOne) -> None:
        """Consume until cancelled, once no worker with another number of partitions runs.

        `open_one` begins to consume a queue. Raises `link.BROKER_ERRORS`.
        """
        agreement = Agreement(connection, self.partitions)
        try:
            if self.partitions.count > 1 or not await agreement.not_partitioned():
                await self._agree(connection, agreement, open_one)
            # Bind before consuming: events published while no binding exists are lost, and messages
            # of a backlog would delay the broker's answers on the same connection.
            await self._bindings.bind(connection)
            self.bound_or_waiting.set()
            opened = await self._open(open_one)
            self.consuming = True
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._bindings.keep(connection))
                tasks.create_task(self._look(connection, opened))
                if self.partitions.count > 1:
                    tasks.create_task(self._share(agreement, opened))
        finally:
            self.consuming, self.held = False, ()
            self.bound_or_waiting.clear()

    async def _agree(
        self, connection: AbstractConnection, agreement: Agreement, open_one: OpenOne
    ) -> None:
        """Return when events are routed to our queues, and the old ones are empty and deleted."""
        while True:
            async with agreement.lock() as locked:
                state = await agreement.state() if locked else State.OTHERS_RUN
                if state is State.TO_CHANGE:
                    await self._change(connection, agreement, open_one)
                if state is not State.OTHERS_RUN:
                    await agreement.join()
                    self._waiting_told = False
                    return
            honour_cancellation()
            self._tell_waiting()
            await asyncio.sleep(WAIT_S)

    def _tell_waiting(self) -> None:
        self.bound_or_waiting.set()
        if not self._waiting_told:
            remedy = "stop all workers with another amqp.partitions"
            log.warning("partitions.waiting", count=self.partitions.count, remedy=remedy)
            self._waiting_told = True

    async def _change(
        self, connection: AbstractConnection, agreement: Agreement, open_one: OpenOne
    ) -> None:
        rerouting = Rerouting(connection, self.partitions)
        await agreement.begin()
        old = await rerouting.old()
        await rerouting.route(old, lambda: self._bindings.bind(connection))
        names = self.partitions.names
        queues = [queue for count in old for queue in names.event_queues(count)]
        if self.partitions.count > 1:
            queues.append(names.events)
        self.bound_or_waiting.set()
        log.info("partitions.changing", count=self.partitions.count, draining=queues)
        quiet_s = QUIET_TO_DELETE_S if old else QUIET_S
        await self._drain(connection, [await open_one(queue) for queue in queues], quiet_s)
        await rerouting.finish(old)
        await agreement.finish()
        log.info("partitions.changed", count=self.partitions.count)

    async def _drain(
        self, connection: AbstractConnection, opened: Sequence[OpenQueue], until_quiet_s: float
    ) -> None:
        """Return when the queues have been empty for so long, and end consuming them."""
        channel = await connection.channel()
        quiet_s = 0.0
        while quiet_s < until_quiet_s:
            await asyncio.sleep(DRAIN_LOOK_S)
            left = sum([one.unsettled for one in opened])
            for one in opened:
                found = await channel.declare_queue(one.queue, passive=True)
                left += found.declaration_result.message_count or 0
            honour_cancellation()
            self._note_waiting(left)
            quiet_s = 0.0 if left else quiet_s + DRAIN_LOOK_S
        await asyncio.gather(*(one.stop() for one in opened))
        await channel.close()

    async def _open(self, open_one: OpenOne) -> list[OpenQueue]:
        """Begin to consume our queues, and the event queue, where a redelivered event may appear.

        Each worker begins with another partition, since the first subscriber of each gets it.
        """
        queues, count = self.partitions.queues, self.partitions.count
        first = secrets.randbelow(count)
        turned = (*queues[first:], *queues[:first])
        opened = [await open_one(queue) for queue in turned]
        if count > 1:
            await open_one(self.partitions.names.events)
        return opened

    async def _look(self, connection: AbstractConnection, opened: Sequence[OpenQueue]) -> None:
        """Report the backlog of the queues delivered to this worker."""
        counts = dict.fromkeys((one.queue for one in opened), 0)
        alone = len(opened) == 1

        def note_of(one: OpenQueue) -> Note:
            def note(messages: int) -> None:
                counts[one.queue] = messages if alone or one.mine else 0
                self._note_waiting(sum(counts.values()))

            return note

        notes = {one.queue: note_of(one) for one in opened}
        await keep_looking(connection, notes, lambda: self.consuming, self._look_every_s)

    async def _share(self, agreement: Agreement, opened: Sequence[OpenQueue]) -> None:
        """Hand partitions beyond this worker's share to those that wait for them."""
        seen_before = 1
        while True:
            workers = await agreement.workers()
            if workers is None:
                raise ConnectionError("the mark of the number of partitions was deleted")
            # A worker that has just joined does not consume the partitions yet.
            seen_before, workers = workers, min(workers, seen_before)
            mine = [one for one in opened if one.mine]
            beyond = mine[share_of(len(opened), workers) :]
            await asyncio.gather(*(one.hand_over() for one in beyond))
            honour_cancellation()
            self.held = tuple(one.queue for one in opened if one.mine)
            await asyncio.sleep(self._share_every_s)


def share_of(partitions: int, workers: int) -> int:
    """Return how many partitions a worker may hold."""
    return math.ceil(partitions / max(1, workers))
