"""Consumer: one connection, a channel per lane, manual acknowledgements."""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import structlog
from aio_pika.abc import AbstractConnection
from pamqp.commands import Basic

from service.adapters.rabbitmq.consuming.acks import Acks
from service.adapters.rabbitmq.consuming.depths import LOOK_EVERY_S, keep_looking
from service.adapters.rabbitmq.consuming.event_queues import EventQueues
from service.adapters.rabbitmq.consuming.inbox import FastPath, Inbox
from service.adapters.rabbitmq.consuming.open_queue import OpenQueue
from service.adapters.rabbitmq.consuming.received import ReceivedMessage
from service.adapters.rabbitmq.consuming.request_queue import RequestQueue
from service.adapters.rabbitmq.consuming.subscription import Subscription
from service.adapters.rabbitmq.consuming.turn import Turn
from service.adapters.rabbitmq.consuming.window import ConsumerWindow
from service.adapters.rabbitmq.link import BROKER_ERRORS
from service.adapters.rabbitmq.topology.bindings import Bindings
from service.adapters.rabbitmq.topology.queues import Names
from service.adapters.rabbitmq.topology.upkeep import Upkeep
from service.cancellation import honour_cancellation
from service.observability.metrics import Metrics

MOST_LOSSES = 100
LOSS_COUNTS_S = 600.0
"""How long a lost connection explains redeliveries: few messages wait for longer."""

log = structlog.get_logger(__name__)


Open = Callable[[Subscription], Awaitable[OpenQueue]]


@dataclass(frozen=True, slots=True)
class EventLane:
    """The queues of the event lane, and how its own queue and a partition are consumed.

    The window of a partition cannot grow by further consumers, as only one of them is active; so
    `partition.prefetch` includes the parked messages.
    """

    queues: EventQueues
    whole: Subscription
    partition: Subscription

    def subscription(self, queue: str) -> Subscription:
        """Return the subscription to one of the lane's queues."""
        if queue == self.whole.queue:
            return self.whole
        return replace(self.partition, queue=queue, in_turns=True)


class Consumer:
    """Session of the consuming connection: declares, binds, consumes."""

    def __init__(
        self,
        names: Names,
        tiers_ms: Sequence[int],
        subscriptions: Sequence[Subscription],
        bindings: Bindings,
        metrics: Metrics,
        look_every_s: float = LOOK_EVERY_S,
        events: EventLane | None = None,
    ) -> None:
        partitions = None if events is None else events.queues.partitions
        self.upkeep = Upkeep(names, tiers_ms, metrics, partitions=partitions)
        self._subscriptions = [one for one in subscriptions if one.arguments is None]
        self._requested = [one for one in subscriptions if one.arguments is not None]
        self._requests: list[RequestQueue] = []
        self._bindings = bindings
        self._metrics = metrics
        self._fast_path = FastPath(metrics.fast_path.labels("amqp"))
        self._look_every_s = look_every_s
        self._events = events
        self._opened: list[OpenQueue] = []
        self._lost_at: deque[float] = deque(maxlen=MOST_LOSSES)
        self._complete = False
        self._stopped = False
        self._exchange = names.exchange

    @property
    def consuming(self) -> bool:
        """Whether every queue but those of requests is consumed, and `stop` was not called."""
        events = self._events is None or self._events.queues.consuming
        return self._complete and events and not self._stopped

    async def session(self, connection: AbstractConnection) -> None:
        """Consume until connection, channel or consumer is lost. Raises TopologyConflict."""
        await self.upkeep.declare(connection)
        lost = asyncio.Event()
        connection.close_callbacks.add(lambda *_: lost.set())
        try:
            async with asyncio.TaskGroup() as tasks:
                running = [tasks.create_task(self.upkeep.keep(connection))]
                if not self._stopped:
                    running += await self._take_requests(connection, tasks)
                open_one = partial(self._open, connection, lost, tasks, running)
                running.append(await self._bind(connection, open_one, tasks))
                if not self._stopped:
                    for subscription in self._subscriptions:
                        await open_one(subscription)
                    running.append(tasks.create_task(self._look(connection)))
                    log.info("broker.consuming", queues=[s.queue for s in self._subscriptions])
                    self._complete = True
                honour_cancellation()
                await lost.wait()
                for task in running:
                    task.cancel()
        finally:
            self._complete = False
            if self._opened:
                self._lost_at.append(time.monotonic())
            self._requests = []
            while self._opened:
                self._opened.pop().close()

    async def _take_requests(
        self, connection: AbstractConnection, tasks: asyncio.TaskGroup
    ) -> Sequence[asyncio.Task[None]]:
        """Consume the queues of requests; their bindings are among those of `_bind`."""
        self._requests = [
            RequestQueue(connection, one, self.upkeep, self._prepare, self._look_every_s)
            for one in self._requested
        ]
        keeping = [tasks.create_task(one.keep()) for one in self._requests]
        for one in self._requests:
            await one.tried.wait()
        return keeping

    async def _bind(
        self, connection: AbstractConnection, open_one: Open, tasks: asyncio.TaskGroup
    ) -> asyncio.Task[None]:
        """Bind to the switch's exchanges; return the task that keeps the bindings.

        Bind before consuming: events published while no binding exists are lost, and messages of a
        backlog would delay the broker's answers on the same connection.
        """
        if self._events is None:
            await self._bindings.bind(connection)
            return tasks.create_task(self._bindings.keep(connection))
        lane = self._events

        async def open_queue(queue: str) -> OpenQueue:
            return await open_one(lane.subscription(queue))

        task = tasks.create_task(lane.queues.run(connection, open_queue))
        await lane.queues.bound_or_waiting.wait()
        return task

    async def _look(self, connection: AbstractConnection) -> None:
        queues = {one.queue: one.note_waiting for one in self._subscriptions}
        await keep_looking(connection, queues, lambda: self.consuming, self._look_every_s)

    async def tell(self) -> None:
        """Acknowledge all messages settled so far."""
        consumed: list[OpenQueue | RequestQueue] = [*self._opened, *self._requests]
        for one in consumed:
            await one.tell()

    async def stop(self) -> None:
        """Stop consuming; messages already taken can still be acknowledged."""
        self._stopped = True
        consumed: list[OpenQueue | RequestQueue] = [*self._opened, *self._requests]
        await asyncio.gather(*map(self._stop, consumed))

    async def _stop(self, opened: OpenQueue | RequestQueue) -> None:
        try:
            await opened.stop()
        except BROKER_ERRORS:
            log.info("consumer.cancel_failed", note="connection already closed")

    def _lately_lost(self) -> int:
        """Return how many redeliveries of a message have a lost connection as their cause."""
        since = time.monotonic() - LOSS_COUNTS_S
        return sum(at > since for at in self._lost_at)

    async def _open(
        self,
        connection: AbstractConnection,
        lost: asyncio.Event,
        tasks: asyncio.TaskGroup,
        running: list[asyncio.Task[None]],
        subscription: Subscription,
    ) -> OpenQueue:
        """Begin to consume a queue, and keep its window until the connection is lost."""
        opened = await self._prepare(connection, subscription, lost)
        # Messages arrive, and may be settled, before the broker's answer to `consume` is read.
        self._opened.append(opened)
        await opened.window.open()
        running.append(tasks.create_task(opened.keep(subscription.window_size)))
        if self._stopped:
            await self._stop(opened)  # `stop` ran meanwhile, before the window was open
        return opened

    async def _prepare(
        self, connection: AbstractConnection, subscription: Subscription, lost: asyncio.Event
    ) -> OpenQueue:
        """Return a queue to open; sets `lost` when the channel or a consumer is lost."""
        channel = await connection.channel(publisher_confirms=False)
        channel.close_callbacks.add(lambda *_: lost.set())
        wire = await channel.get_underlay_channel()
        # The broker cancels a consumer whose queue was deleted; there is no other sign of it.
        wire.on_consumer_cancel_callbacks.add(lambda *_: lost.set())

        explained = self._lately_lost()
        acks = Acks(wire, self._metrics)
        accept: Callable[[ReceivedMessage], None] = subscription.accept
        turn: Turn | None = None
        if subscription.in_turns:
            turn = Turn(connection, subscription.queue, acks, subscription.accept)
            accept = turn.accept

        def take(deliver: Basic.Deliver, properties: Basic.Properties, body: bytes) -> None:
            acks.note(deliver.delivery_tag or 0)
            message = ReceivedMessage(deliver, properties, body, acks, explained)
            if message.exchange == self._exchange:
                message.restore_origin()
            accept(message)

        inbox = Inbox(wire, take)
        await self._fast_path.choose(inbox)
        window = ConsumerWindow(wire, inbox, subscription.queue, subscription.prefetch)
        return OpenQueue(subscription.queue, window, acks, turn)
