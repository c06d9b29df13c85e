"""Delivers the events of one call to an ordered webhook one after another.

What waits stands in the store, not in memory and not in the window. A delivery is taken by one
worker at a time, for a few seconds that it prolongs; when that worker is killed, another goes on.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace

import structlog

from service.dialects.dialect import Dialects
from service.domain.delivery import DeadLetter, DeadLetterReason, Delivery, delivery_id_of
from service.domain.errors import Unavailable
from service.domain.held import HeldDelivery, lane_of
from service.domain.webhook import Order, Webhook
from service.pipeline.calls.follow import Followed
from service.pipeline.deferrals import Deferrals
from service.pipeline.deliver import Deliverer, Shared
from service.pipeline.limits.places import Places
from service.pipeline.progress import Progress
from service.pipeline.recovery.finished import FinishedDeliveries
from service.pipeline.request.stored import part_of
from service.ports import Conversations, HeldDeliveries, Queues

LEASE_S = 6.0
KEEP_EVERY_S = 1.0
LOOK_AGAIN_S = 10.0
"""Seconds after which a delivery that waits is looked at, should nobody have sent it on."""
ABANDONED_S = 60.0
"""Seconds after which an event that was noted must have been held, or never will be."""
PAUSED_AGAIN_MS = 2000
"""Milliseconds after which a delivery of a paused webhook is looked at again."""
BUSY_PAUSE_S, IDLE_PAUSE_S = 0.1, 1.0
MOST_DUE = 200

log = structlog.get_logger(__name__)


class HeldQueues:
    """The `Queues` of ordered deliveries: a retry stays in the store, others go their way."""

    def __init__(
        self, held: HeldDeliveries, queues: Queues, clock: Callable[[], float] = time.time
    ) -> None:
        self._held = held
        self._clock = clock
        self.dead_letter = queues.dead_letter
        self.reject = queues.reject
        self.revive = queues.revive
        self._put_off: set[str] = set()

    async def retry(self, deliveries: Sequence[Delivery], delay_ms: int) -> None:
        """Store when the next attempts are due."""
        for delivery in deliveries:
            await self._held.put_off(delivery, self._clock() + delay_ms / 1000)
            self._put_off.add(delivery.delivery_id)

    def was_put_off(self, delivery: Delivery) -> bool:
        """Return, once, whether the delivery waits for its next attempt."""
        found = delivery.delivery_id in self._put_off
        self._put_off.discard(delivery.delivery_id)
        return found


class Ordering:
    """Holds ordered deliveries, and sends each when it is its turn."""

    def __init__(
        self,
        deliverer: Deliverer,
        held: HeldDeliveries,
        conversations: Conversations,
        dialects: Dialects,
        places: Places,
        most_waiting: int,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._queues = HeldQueues(held, deliverer.queues, clock)
        self._backlog = deliverer.backlog
        self._deliverer = replace(
            deliverer,
            queues=self._queues,
            deferrals=Deferrals(self._queues, deliverer.availability),
            finished=FinishedDeliveries(),
            backlog=None,
        )
        self._after_wait = replace(
            self._deliverer, reporter=replace(deliverer.reporter, prompt=False)
        )
        self._available = deliverer.availability.until_available
        self._held = held
        self._conversations = conversations
        self._dialects = dialects
        self._places = places
        self._most_waiting = most_waiting
        self._clock = clock
        self._under_way: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def deliver(self, delivery: Delivery, webhook: Webhook, followed: Followed) -> None:
        """Return once the delivery is durably held; if it is its turn, once an attempt was made."""
        key, now = followed.conversation.key, self._clock()
        waits_s = webhook.order_wait_s if webhook.order is Order.CALL else LOOK_AGAIN_S
        held = HeldDelivery(
            delivery, key, webhook.order, now + waits_s, droppable=not followed.ends_leg
        )
        await self._available(lambda: self._held.hold(held))
        # What was settled since the event was noted shows only now.
        conversation = await self._available(lambda: self._conversations.one(key))
        if conversation is None:
            return
        webhook_id = webhook.webhook_id
        if conversation.first_open(webhook_id) == delivery.event_id:
            await self._take(delivery.delivery_id, self._deliverer)
        elif conversation.waiting(webhook_id) > self._most_waiting:
            await self._drop_one(lane_of(webhook_id, key))

    async def leave_out(
        self,
        event_id: str,
        noted: Sequence[Webhook],
        wanted: Sequence[Webhook],
        followed: Followed | None,
    ) -> None:
        """Settle an event for the webhooks that it was noted for and that do not want it."""
        if followed is None or len(wanted) == len(noted):
            return
        for webhook in noted:
            if webhook.order is not Order.NONE and webhook not in wanted:
                key, webhook_id = followed.conversation.key, webhook.webhook_id
                self._begin(await self._settled(key, event_id, webhook_id), webhook_id)

    async def run(self) -> None:
        """Send on what is due, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._keep(), name="keep ordered deliveries")
            while True:
                found = 0
                try:
                    found = await self._look()
                except Unavailable as error:
                    log.warning("ordering.unavailable", error=str(error))
                await asyncio.sleep(BUSY_PAUSE_S if found or self._under_way else IDLE_PAUSE_S)

    async def _keep(self) -> None:
        """Keep other workers from what is under way here."""
        while True:
            await asyncio.sleep(KEEP_EVERY_S)
            if self._under_way:
                try:
                    await self._held.keep(list(self._under_way), self._clock() + LEASE_S)
                except Unavailable as error:
                    log.warning("ordering.unavailable", error=str(error))

    async def _look(self) -> int:
        """Begin what is due; return how many were found."""
        due = await self._held.due(self._clock(), MOST_DUE)
        for held in due:
            if await self._held.take_due(held, self._clock() + LEASE_S):
                self._under_way.add(held.delivery.delivery_id)
                self._start(self._send_due(held))
        return len(due)

    def _start(self, sending: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(sending, name="ordered delivery")
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("ordering.bug", exc_info=task.exception())

    async def _take(self, delivery_id: str, deliverer: Deliverer) -> None:
        """Send a delivery whose turn it is, unless another worker has it."""
        until = self._clock() + LEASE_S
        held = await self._available(lambda: self._held.take(delivery_id, until))
        if held is not None:
            self._under_way.add(delivery_id)
            await self._send(held, deliverer)

    async def _send_due(self, held: HeldDelivery) -> None:
        """Send a delivery that is due, or give it back where it must wait on."""
        delivery, key = held.delivery, held.conversation_key
        conversation = await self._available(lambda: self._conversations.one(key))
        if conversation is not None and not conversation.is_open(
            delivery.event_id, delivery.webhook_id
        ):
            # Its worker was killed between noting that and removing it.
            await self._available(lambda: self._held.drop(delivery.delivery_id))
            self._under_way.discard(delivery.delivery_id)
            return
        first = None if conversation is None else conversation.first_open(delivery.webhook_id)
        if not held.begun and first not in (None, delivery.event_id):
            if held.order is Order.CALL_STRICT and not await self._is_abandoned(held, first):
                again = self._clock() + LOOK_AGAIN_S
                self._under_way.discard(delivery.delivery_id)
                await self._available(lambda: self._held.wait(delivery.delivery_id, again))
                return
            if held.order is Order.CALL:
                held = replace(held, delivery=_out_of_order(delivery))
        await self._send(held, self._after_wait)

    async def _is_abandoned(self, held: HeldDelivery, first: str | None) -> bool:
        """Return whether the first event of the lane will never be sent; settle it then.

        It was noted, and its worker killed before it held the delivery. When its message came
        again, the webhook did not want it any more.
        """
        delivery, key = held.delivery, held.conversation_key
        if first is None or self._clock() - delivery.received_at < ABANDONED_S:
            return False
        first_id = delivery_id_of(first, delivery.webhook_id)
        if await self._available(lambda: self._held.has(first_id)):
            return False
        conversation = await self._available(
            lambda: self._conversations.settle(key, first, delivery.webhook_id)
        )
        return conversation is None or (
            conversation.first_open(delivery.webhook_id) == delivery.event_id
        )

    async def _send(self, held: HeldDelivery, deliverer: Deliverer) -> None:
        delivery = held.delivery
        try:
            await self._attempt(delivery, deliverer)
        finally:
            self._under_way.discard(delivery.delivery_id)
        if not self._queues.was_put_off(delivery):
            await self._settle(held)

    async def _attempt(self, delivery: Delivery, deliverer: Deliverer) -> None:
        """Make the next attempt with the webhook as it is now."""
        webhook = await self._deliverer.webhooks.of(delivery)
        if webhook is None:
            self._deliverer.reporter.cancelled(delivery)
        elif not webhook.enabled:
            reason, now = DeadLetterReason.WEBHOOK_DISABLED, self._clock()
            letter = DeadLetter(delivery, reason, webhook.uri, now)
            await self._deliverer.settle_undeliverable([letter])
        elif self._backlog is not None and self._backlog.is_paused(webhook):
            # It waits in the store already: no attempt, and no place in the backlog.
            await self._queues.retry([delivery], PAUSED_AGAIN_MS)
        else:
            content, pairs = part_of(self._dialects, delivery, webhook)
            await deliverer.deliver(iter(pairs), Shared(content, self._places, Progress()))

    async def _settle(self, held: HeldDelivery) -> None:
        """Note that a delivery is settled, and begin the next one of its lane."""
        delivery, key = held.delivery, held.conversation_key
        following = await self._settled(key, delivery.event_id, delivery.webhook_id)
        await self._available(lambda: self._held.drop(delivery.delivery_id))
        self._begin(following, delivery.webhook_id)

    async def _settled(self, key: str, event_id: str, webhook_id: str) -> str | None:
        """Note that an event is settled for a webhook; return the event that follows."""
        conversation = await self._available(
            lambda: self._conversations.settle(key, event_id, webhook_id)
        )
        return None if conversation is None else conversation.first_open(webhook_id)

    def _begin(self, event_id: str | None, webhook_id: str) -> None:
        if event_id is not None:
            self._start(self._take(delivery_id_of(event_id, webhook_id), self._after_wait))

    async def _drop_one(self, lane: str) -> None:
        """Turn the oldest delivery of a crowded lane that is no end of a leg into a dead letter."""
        held = await self._available(lambda: self._held.crowded(lane))
        if held is None or await self._taken(held) is None:
            return
        delivery = held.delivery
        await self._deliverer.give_up(delivery, DeadLetterReason.CROWDED_OUT, "")
        await self._settle(held)

    async def _taken(self, held: HeldDelivery) -> HeldDelivery | None:
        until = self._clock() + LEASE_S
        return await self._available(lambda: self._held.take(held.delivery.delivery_id, until))


def _out_of_order(delivery: Delivery) -> Delivery:
    if delivery.position is None:
        return delivery
    return replace(delivery, position=replace(delivery.position, out_of_order=True))
