"""Fourth arrow: have an attempt made for each delivery, and do what follows from its outcome."""

import asyncio
import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import assert_never

import structlog

from service.domain.delivery import Attempt, DeadLetter, DeadLetterReason, DeferReason, Delivery
from service.domain.immutable import immutable
from service.domain.retry import (
    Delivered,
    FallBack,
    GiveUp,
    NextStep,
    Retry,
    RetryPolicy,
    Withheld,
    deferral_ms,
    next_step,
)
from service.domain.webhook import Webhook
from service.observability.metrics import Metrics
from service.pipeline.accounts.current import CurrentWebhooks
from service.pipeline.attempt import Attempter, Entry
from service.pipeline.build import EventContent
from service.pipeline.deferrals import Deferrals
from service.pipeline.limits.lines import Place, Waiting
from service.pipeline.limits.places import Places
from service.pipeline.limits.turns import Turns
from service.pipeline.outcomes.disable import Disabler
from service.pipeline.outcomes.report import Reporter
from service.pipeline.progress import Progress
from service.pipeline.recovery.availability import Availability
from service.pipeline.recovery.finished import FinishedDeliveries
from service.ports import Queues

FEW = 20
"""Deliveries of a message that are begun at once. Of more, `AT_ONCE` are begun in each turn."""
AT_ONCE = 50

log = structlog.get_logger(__name__)

Owed = tuple[Delivery, Webhook]


@immutable
class Batch:
    """What the deliveries of one message share; `places` are those of its lane.

    Those of a `long` one begin over many turns: webhooks may be deleted before theirs.
    """

    content: EventContent
    places: Places
    progress: Progress
    long: bool = False


@dataclass(frozen=True, slots=True)
class Deliverer:
    """Everything a delivery needs, whichever lane it comes from."""

    attempter: Attempter
    queues: Queues
    reporter: Reporter
    disabler: Disabler
    webhooks: CurrentWebhooks
    policy: RetryPolicy
    finished: FinishedDeliveries
    metrics: Metrics
    availability: Availability
    deferrals: Deferrals
    clock: Callable[[], float] = time.time
    choose: Callable[[tuple[int, int, int]], int] = random.choice
    turns: Turns = field(default_factory=Turns)

    async def deliver(self, owed: Iterator[Owed], batch: Batch) -> None:
        """Return once all are settled: taken by the receiver, or confirmed in a queue."""
        first = list(islice(owed, FEW))
        if len(first) < FEW:
            await self._settle_all(first, batch)
            return
        batch = replace(batch, long=True)
        async with asyncio.TaskGroup() as parts:
            part = first
            while part:
                async with self.turns.one():
                    parts.create_task(self._settle_all(part, batch))
                part = list(islice(owed, AT_ONCE))

    async def _settle_all(self, owed: Sequence[Owed], batch: Batch) -> None:
        """Settle them beside each other; what is put off at once needs no task of its own."""
        beside, put_off = [], []
        for delivery, webhook in owed:
            try:
                entry = self.attempter.enter(delivery, webhook, batch.places, batch.progress)
            except Exception:
                log.exception("delivery.bug", delivery_id=delivery.delivery_id)
                beside.append(self.give_up(delivery, DeadLetterReason.BUG, webhook.uri))
                continue
            if isinstance(entry, DeferReason) and delivery.deferrals < self.policy.max_deferrals:
                confirmed = self._put_off(delivery, webhook, batch, entry)
                put_off.append((delivery, webhook, confirmed))
            else:
                beside.append(self._settle(delivery, webhook, batch, entry))
        if not put_off and len(beside) <= 1:
            # The common case needs no task of its own.
            for one in beside:
                await one
            return
        await asyncio.gather(*beside, self._until_put_off(put_off))

    async def _until_put_off(
        self, put_off: Sequence[tuple[Delivery, Webhook, asyncio.Task[None]]]
    ) -> None:
        if put_off:
            await asyncio.wait({confirmed for _, _, confirmed in put_off})
        for delivery, webhook, confirmed in put_off:
            bug = confirmed.exception()
            if bug is not None:
                log.error("delivery.bug", delivery_id=delivery.delivery_id, exc_info=bug)
                await self.give_up(delivery, DeadLetterReason.BUG, webhook.uri)
            self.finished.add(delivery)

    async def _settle(
        self, delivery: Delivery, webhook: Webhook, batch: Batch, entry: Entry
    ) -> None:
        try:
            await self._deliver(delivery, webhook, batch, entry)
        except Exception:
            log.exception("delivery.bug", delivery_id=delivery.delivery_id)
            await self.give_up(delivery, DeadLetterReason.BUG, webhook.uri)
        self.finished.add(delivery)

    async def _deliver(
        self, delivery: Delivery, webhook: Webhook, batch: Batch, entry: Entry
    ) -> None:
        if delivery.fallback_for is not None and webhook.fallback_uri is None:
            # It was taken away while the delivery waited for it.
            if isinstance(entry, Place | Waiting):
                batch.places.withdraw(entry)
            await self.give_up(delivery, DeadLetterReason.EXHAUSTED, webhook.uri)
            return
        waited = isinstance(entry, Waiting)
        if isinstance(entry, Waiting):
            entry = await batch.places.turn(entry)
        if (
            isinstance(entry, Place)
            and (waited or batch.long)
            and not self.webhooks.unchanged(delivery, webhook)
        ):
            batch.places.withdraw(entry)
            await self._deliver_anew(delivery, batch)
            return
        made: Attempt | DeferReason | None
        if isinstance(entry, Place):
            made = await self.attempter.attempt(
                delivery, webhook, batch.content, batch.places, entry
            )
        else:
            made = entry
        if made is None:
            self.reporter.cancelled(delivery)
        elif isinstance(made, DeferReason):
            await self._defer(delivery, webhook, batch, made)
        else:
            await self._follow(delivery, webhook, batch, made)

    async def _deliver_anew(self, delivery: Delivery, batch: Batch) -> None:
        """Go on with the webhook as it is now: it was edited, disabled or deleted meanwhile."""
        webhook = await self.webhooks.of(delivery)
        if webhook is None:
            self.reporter.cancelled(delivery)
        elif not webhook.enabled:
            await self.give_up(delivery, DeadLetterReason.WEBHOOK_DISABLED, webhook.uri)
        else:
            # It was looked at just now; once more is when it has waited.
            batch = replace(batch, long=False)
            entry = self.attempter.enter(delivery, webhook, batch.places, batch.progress)
            await self._deliver(delivery, webhook, batch, entry)

    async def _follow(
        self, delivery: Delivery, webhook: Webhook, batch: Batch, attempt: Attempt
    ) -> None:
        self.reporter.attempted(delivery, attempt)
        if delivery.fallback_for is None:
            self.disabler.note(webhook, attempt)
        match self._next_step(delivery, webhook, attempt):
            case Delivered():
                self.metrics.delivered.inc()
            case Withheld() if delivery.owed:
                last = _after(delivery, attempt)
                await self.give_up(last, DeadLetterReason.SHADOWED, attempt.uri)
            case Withheld():
                self.metrics.shadowed.inc()
            case Retry(delay_ms):
                later = [_after(delivery, attempt)]
                await self.availability.until_confirmed(lambda: self.queues.retry(later, delay_ms))
                self.metrics.retried.inc()
            case FallBack():
                reason = attempt.response.outcome.value
                last = replace(_after(delivery, attempt), fallback_for=reason)
                entry = self.attempter.enter(last, webhook, batch.places, batch.progress)
                await self._deliver(last, webhook, batch, entry)
            case GiveUp(why):
                await self.give_up(_after(delivery, attempt), why, attempt.uri)
            case step:
                assert_never(step)

    def _next_step(self, delivery: Delivery, webhook: Webhook, attempt: Attempt) -> NextStep:
        """Decide what follows; a fallback is tried once, and has none of its own."""
        on_fallback = delivery.fallback_for is not None
        return next_step(
            self.policy,
            attempt.attempt,
            0 if on_fallback else webhook.retries,
            attempt.response,
            self.choose,
            has_fallback=webhook.fallback_uri is not None and not on_fallback,
        )

    async def _defer(
        self, delivery: Delivery, webhook: Webhook, batch: Batch, reason: DeferReason
    ) -> None:
        """Put the delivery off to a tier without an attempt, unless that was done too often."""
        if delivery.deferrals >= self.policy.max_deferrals:
            await self.give_up(delivery, DeadLetterReason.DEFERRED_TOO_OFTEN, webhook.uri)
        else:
            # Others may wait for it as well: being cancelled here must not cancel it.
            confirmed = self._put_off(delivery, webhook, batch, reason)
            await asyncio.wait([confirmed])
            confirmed.result()

    def _put_off(
        self, delivery: Delivery, webhook: Webhook, batch: Batch, reason: DeferReason
    ) -> asyncio.Task[None]:
        """Have the delivery come back later; the task ends once that is confirmed."""
        later = delivery.put_off()
        pause_s = self.attempter.pause_s(delivery, webhook, batch.places)
        self.metrics.deferred[reason].inc()
        return self.deferrals.put_off(
            later, deferral_ms(self.policy, delivery, pause_s, self.choose)
        )

    async def give_up(self, delivery: Delivery, reason: DeadLetterReason, uri: str) -> None:
        """Turn the delivery into a dead letter."""
        await self.dead_letter([DeadLetter(delivery, reason, uri, self.clock())])

    async def dead_letter(self, letters: Sequence[DeadLetter]) -> None:
        """Hand dead letters of one message to their queue."""
        await self.availability.until_confirmed(lambda: self.queues.dead_letter(letters))
        for letter in letters:
            self.reporter.given_up(letter)


def _after(delivery: Delivery, attempt: Attempt) -> Delivery:
    return replace(delivery, past=(*delivery.past, attempt.as_past()), deferrals=0)
