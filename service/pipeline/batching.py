"""Batches: the deliveries of one webhook that travel in one request, where it wants them so.

The deliveries that wait are of unacknowledged messages: after a kill they come again. So that the
batches of one account do not fill the window of its lane, an account may hold half of what is
free, as with places; beyond that its batches leave early, and what follows is deferred.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace

from service.domain.batch_close import BatchClose
from service.domain.delivery import (
    Attempt,
    DeferReason,
    InBatch,
    Outcome,
    Response,
    attempt_id_of,
    batch_id_of,
)
from service.domain.webhook import Webhook
from service.observability.metrics import Metrics
from service.pipeline.accounts.current import CurrentWebhooks
from service.pipeline.attempt import Attempter, Entry
from service.pipeline.gathering import Gathering, Seat, Told, Unsent
from service.pipeline.limits.lines import Place, Waiting
from service.pipeline.limits.places import SHARE_OF_FREE, Places
from service.pipeline.limits.window import Window
from service.pipeline.outcomes.disable import Disabler
from service.pipeline.progress import Progress
from service.pipeline.request.batch import BatchWriter, failed_in, item_of
from service.pipeline.request.build import EventContent
from service.pipeline.request.destination import Owed

ANSWER_BYTES = 65_536
"""Bytes read of an answer: more than the ids of the largest batch need."""
SHOWN_BYTES = 1024
"""Bytes of an answer kept with each delivery of the batch."""
ITEM_FAILED = "the receiver listed it in `failed`"


class Batches:
    """The open batches of this worker, by lane and webhook.

    They hold no more than a lane's `window`, and none waits longer than `longest_s`. With
    `alone`, they wait for nothing: each delivery is one of its own, closed for that cause.
    """

    def __init__(
        self,
        attempter: Attempter,
        webhooks: CurrentWebhooks,
        disabler: Disabler,
        window: Window,
        longest_s: float,
        metrics: Metrics,
        alone: BatchClose | None = None,
    ) -> None:
        self._attempter = attempter
        self._webhooks = webhooks
        self._disabler = disabler
        self._window = window
        self._least_weight = max(1, window.most_bytes // window.most_messages)
        self._free = window.most_bytes
        self._longest_s = longest_s
        self._held: dict[str, int] = {}
        """By account, the weight of its deliveries that wait or are being sent."""
        self._open: dict[tuple[str, str], Gathering] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._alone = alone
        self._metrics = metrics
        if alone is None:
            metrics.measure(metrics.batches_open, lambda: len(self._open))
            metrics.measure(metrics.deliveries_in_batches, self._waiting)

    def at_once(self, cause: BatchClose) -> "Batches":
        """Return batches of one delivery each, which wait for nothing."""
        return Batches(
            self._attempter,
            self._webhooks,
            self._disabler,
            self._window,
            self._longest_s,
            self._metrics,
            cause,
        )

    def hurry(self) -> None:
        """Send every open batch, and from now on each delivery by itself: the service stops."""
        self._alone = BatchClose.STOP
        for batch in list(self._open.values()):
            self._send(batch, BatchClose.STOP)

    def _waiting(self) -> int:
        return sum(len(batch.seats) for batch in self._open.values())

    def enter(
        self, owed: Owed, content: EventContent, places: Places, progress: Progress
    ) -> Entry | Seat:
        """Return the delivery's seat in the batch of its webhook, or the reason to defer it.

        One for the fallback, or without an endpoint, is in no batch.
        """
        if owed.destination.is_fallback or owed.destination.endpoint is None:
            return self._attempter.enter(owed, places, progress)
        progress.begun = True
        webhook, item = owed.webhook, item_of(owed, content)
        weight = max(self._least_weight, len(item))
        if not self._has_room(webhook.account_id):
            self._send_all_of(webhook.account_id)
            return DeferReason.OVER_SHARE
        batch = self._batch(webhook, places)
        seat = Seat(owed, content, weight, item)
        self._hold(webhook.account_id, weight)
        batch.seats.append(seat)
        batch.size_bytes += len(item)
        if batch.is_full(self._most(webhook)):
            self._send(batch, self._alone or BatchClose.FULL)
        return seat

    def _most(self, webhook: Webhook) -> int:
        return 1 if self._alone or webhook.batching is None else webhook.batching.most

    def _has_room(self, account_id: str) -> bool:
        held = self._held.get(account_id, 0)
        return not held or held < self._free * SHARE_OF_FREE

    def _hold(self, account_id: str, weight: int) -> None:
        """Count what an account holds; a negative weight gives it back."""
        held = self._held.get(account_id, 0) + weight
        self._free -= weight
        if held:
            self._held[account_id] = held
        else:
            del self._held[account_id]

    def _batch(self, webhook: Webhook, places: Places) -> Gathering:
        """Return the open batch of a webhook; one that was begun before an edit is sent first."""
        key = places.lane, webhook.webhook_id
        batch = self._open.get(key)
        if batch is not None and batch.webhook is not webhook and batch.webhook != webhook:
            self._send(batch, BatchClose.EDITED)
            batch = None
        if batch is None:
            batch = self._open[key] = Gathering(webhook, places)
            within_ms = 0 if webhook.batching is None else webhook.batching.within_ms
            within_s = min(within_ms / 1000, self._longest_s)
            loop = asyncio.get_running_loop()
            batch.closing = loop.call_later(within_s, self._send, batch, BatchClose.TIME)
        return batch

    def _send_all_of(self, account_id: str) -> None:
        for batch in [one for one in self._open.values() if one.webhook.account_id == account_id]:
            self._send(batch, BatchClose.SHARE)

    def _send(self, batch: Gathering, cause: BatchClose) -> None:
        """Close a batch and send it, in a task of its own that a deleted webhook may cut."""
        del self._open[batch.places.lane, batch.webhook.webhook_id]
        batch.close(cause)
        task = asyncio.create_task(self._settle(batch), name="batch")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _settle(self, batch: Gathering) -> None:
        """Tell every delivery of the batch what became of it, whatever happens."""
        seats = [seat for seat in batch.seats if not seat.told.done()]
        try:
            if seats:
                await self._attempt(seats, batch)
        except Exception as bug:
            for seat in seats:
                if not seat.told.done():
                    seat.told.set_exception(bug)
        finally:
            for seat in batch.seats:
                seat.told.cancel()
                self._hold(batch.webhook.account_id, -seat.weight)

    async def _attempt(self, seats: Sequence[Seat], batch: Gathering) -> None:
        first, places = seats[0].owed, batch.places
        if not await self._is_current(first):
            _tell_all(seats, Unsent.CHANGED)
            return
        entry = self._attempter.enter(first, places, Progress())
        waited = isinstance(entry, Waiting)
        if isinstance(entry, Waiting):
            entry = await places.turn(entry)
        if not isinstance(entry, Place):
            _tell_all(seats, entry)
        elif waited and not self._webhooks.unchanged(first.delivery, first.webhook):
            places.withdraw(entry)
            _tell_all(seats, Unsent.CHANGED)
        else:
            await self._request(seats, batch, entry)

    async def _is_current(self, owed: Owed) -> bool:
        """Return whether the webhook is as it was; its account may be forgotten meanwhile."""
        delivery, webhook = owed.delivery, owed.webhook
        unchanged = self._webhooks.unchanged(delivery, webhook)
        return unchanged or await self._webhooks.of(delivery) == webhook

    async def _request(self, seats: Sequence[Seat], batch: Gathering, place: Place) -> None:
        first = seats[0]
        batch_id = batch_id_of(seat.owed.delivery for seat in seats)
        writer = BatchWriter(batch_id, [seat.item for seat in seats], ANSWER_BYTES)
        made = await self._attempter.attempt(
            first.owed, first.content, batch.places, place, write=writer
        )
        if not isinstance(made, Attempt):
            _tell_all(seats, made)
            return
        self._metrics.batch_requests[batch.closed_by].inc()
        self._metrics.batch_deliveries.observe(len(seats))
        # One request is one attempt, however many deliveries it had.
        self._disabler.note(first.owed.webhook, made)
        of_each = _of_each(made, writer.batch_id, len(seats), batch.closed_at)
        for seat in seats:
            seat.tell(of_each(seat))


def _tell_all(seats: Sequence[Seat], told: Told) -> None:
    for seat in seats:
        seat.tell(told)


def _of_each(
    made: Attempt, batch_id: str, size: int, closed_at: float
) -> Callable[[Seat], Attempt]:
    """Return what makes of the batch's attempt that of each delivery, with its own item as body."""
    whole = made.response
    failed = failed_in(whole) if whole.outcome.succeeded else frozenset()
    response = replace(whole, body=whole.body[:SHOWN_BYTES])
    refused = Response(
        Outcome.ITEM_FAILED, whole.status, whole.headers, response.body, detail=ITEM_FAILED
    )

    def of(seat: Seat) -> Attempt:
        delivery, request = seat.owed.delivery, made.request
        return replace(
            made,
            delivery=delivery,
            attempt=len(delivery.past) + 1,
            request=None if request is None else replace(request, body=seat.item),
            response=refused if delivery.delivery_id in failed else response,
            attempt_id=attempt_id_of(made.started_at),
            in_batch=InBatch(batch_id, size, closed_at - seat.entered_at),
        )

    return of
