"""Fourth arrow: make an attempt for each delivery, and do what its outcome demands."""

import asyncio
import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import assert_never

import structlog

from service.domain.delivery import Attempt, DeadLetter, DeadLetterReason, DeferReason, Delivery
from service.domain.expiry import expiry_of
from service.domain.freshness import FreshnessPolicy
from service.domain.immutable import immutable
from service.domain.retry import (
    Delivered,
    FallBack,
    GiveUp,
    NextStep,
    Retry,
    RetryPolicy,
    Withheld,
    deferral,
    next_step,
)
from service.domain.webhook import Webhook
from service.observability.metrics import Metrics
from service.pipeline.accounts.current import CurrentWebhooks
from service.pipeline.attempt import Attempter, Entry, expired
from service.pipeline.backlog.keep import Backlog
from service.pipeline.batching import Batches
from service.pipeline.deferrals import Deferrals
from service.pipeline.gathering import Seat, Told, Unsent
from service.pipeline.limits.lines import Place, Waiting
from service.pipeline.limits.places import Places
from service.pipeline.limits.turns import Turns
from service.pipeline.outcomes.disable import Disabler
from service.pipeline.outcomes.report import Reporter
from service.pipeline.progress import Progress
from service.pipeline.recovery.availability import Availability
from service.pipeline.recovery.finished import FinishedDeliveries
from service.pipeline.request.build import EventContent
from service.pipeline.request.destination import Owed, owed_of
from service.pipeline.request.private import private
from service.ports import Queues

FEW = 20
"""Deliveries of a message begun at once. Of larger messages, `AT_ONCE` are begun in each turn."""
AT_ONCE = 50

log = structlog.get_logger(__name__)

Pair = tuple[Delivery, Webhook]


@immutable
class Shared:
    """The parts that the deliveries of one message share; `places` are those of its lane.

    Deliveries of a `long` message begin over many turns: webhooks may be deleted meanwhile.
    """

    content: EventContent
    places: Places
    progress: Progress
    long: bool = False


@dataclass(frozen=True, slots=True)
class Deliverer:
    """Delivers, for both lanes."""

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
    batches: Batches
    backlog: Backlog | None = None
    """Backlog of paused webhooks; None where it is being sent."""
    freshness: FreshnessPolicy = field(default_factory=FreshnessPolicy)
    clock: Callable[[], float] = time.time
    choose: Callable[[tuple[int, int, int]], int] = random.choice
    turns: Turns = field(default_factory=Turns)

    async def deliver(self, pairs: Iterator[Pair], shared: Shared) -> None:
        """Return once all are settled: accepted by the receiver, or confirmed in a queue."""
        if self.backlog is not None and not self.backlog.pauses.loaded:
            await self.backlog.pauses.load()
        first = list(islice(pairs, FEW))
        if len(first) < FEW:
            await self._settle_all(first, shared)
            return
        shared = replace(shared, long=True)
        async with asyncio.TaskGroup() as parts:
            part = first
            while part:
                async with self.turns.one():
                    parts.create_task(self._settle_all(part, shared))
                part = list(islice(pairs, AT_ONCE))

    async def _settle_all(self, pairs: Sequence[Pair], shared: Shared) -> None:
        """Settle the deliveries concurrently; those put off at once need no task of their own."""
        beside, put_off = [], []
        kept: list[Pair] = []
        for delivery, webhook in pairs:
            if self.backlog is not None and self.backlog.wants(webhook):
                kept.append((delivery, webhook))
                continue
            try:
                owed = owed_of(delivery, webhook)
                entry = self._expired(owed, shared) or self._enter(owed, shared)
            except Exception:
                log.exception("delivery.bug", delivery_id=delivery.delivery_id)
                beside.append(self._settle_bug(delivery, webhook.uri))
                continue
            if isinstance(entry, DeferReason) and self.policy.may_defer(delivery, self.clock()):
                put_off.append((owed, self._put_off(owed, shared, entry)))
            else:
                beside.append(self._settle(owed, shared, entry))
        if kept:
            beside.append(self._keep(kept))
        if put_off:
            beside.append(self._until_put_off(put_off))
        if len(beside) == 1:
            # The common case needs no task of its own.
            await beside[0]
        else:
            await asyncio.gather(*beside)

    async def _until_put_off(self, put_off: Sequence[tuple[Owed, asyncio.Task[None]]]) -> None:
        await asyncio.wait({confirmed for _, confirmed in put_off})
        for owed, confirmed in put_off:
            bug = confirmed.exception()
            if bug is None:
                self.finished.add(owed.delivery)
            else:
                log.error("delivery.bug", delivery_id=owed.delivery.delivery_id, exc_info=bug)
                await self._settle_bug(owed.delivery, owed.webhook.uri)

    async def _keep(self, pairs: Sequence[Pair]) -> None:
        """Add deliveries to the backlogs of their webhooks."""
        if self.backlog is not None:
            await self.backlog.keep(pairs)
        for delivery, _ in pairs:
            self.finished.add(delivery)

    async def _settle_bug(self, delivery: Delivery, uri: str) -> None:
        await self.give_up(delivery, DeadLetterReason.BUG, uri)
        self.finished.add(delivery)

    async def _settle(self, owed: Owed, shared: Shared, entry: Entry | Seat) -> None:
        """Settle one delivery; it is finished as soon as this returns."""
        try:
            await self._deliver(owed, shared, entry)
        except Exception:
            log.exception("delivery.bug", delivery_id=owed.delivery.delivery_id)
            await self.give_up(owed.delivery, DeadLetterReason.BUG, owed.webhook.uri)
        self.finished.add(owed.delivery)

    async def _deliver(self, owed: Owed, shared: Shared, entry: Entry | Seat) -> None:
        delivery, webhook = owed.delivery, owed.webhook
        if owed.destination.is_fallback and webhook.fallback_uri is None:
            # The fallback was removed while the delivery waited for it.
            if isinstance(entry, Place | Waiting):
                shared.places.withdraw(entry)
            await self.give_up(delivery, DeadLetterReason.EXHAUSTED, webhook.uri)
            return
        waited = isinstance(entry, Waiting)
        if isinstance(entry, Waiting):
            entry = await shared.places.turn(entry)
        if isinstance(entry, Place) and (
            self.webhooks.deleted(delivery)
            or ((waited or shared.long) and not self.webhooks.unchanged(delivery, webhook))
        ):
            shared.places.withdraw(entry)
            await self._deliver_anew(delivery, shared)
            return
        made: Told
        if isinstance(entry, Place):
            made = await self.attempter.attempt(owed, shared.content, shared.places, entry)
        else:
            made = await entry.told if isinstance(entry, Seat) else entry
        if made is None:
            self.reporter.cancelled(delivery)
        elif isinstance(made, Unsent):
            await self._deliver_anew(delivery, shared)
        elif isinstance(made, DeferReason):
            await self._defer(owed, shared, made)
        else:
            await self._follow(owed, shared, made)

    async def _deliver_anew(self, delivery: Delivery, shared: Shared) -> None:
        """Continue with the current webhook: it was edited, disabled or deleted meanwhile."""
        webhook = await self.webhooks.of(delivery)
        if webhook is None:
            self.reporter.cancelled(delivery)
        elif not webhook.enabled:
            await self.give_up(delivery, DeadLetterReason.WEBHOOK_DISABLED, webhook.uri)
        elif self.backlog is not None and self.backlog.wants(webhook):
            await self.backlog.keep([(delivery, webhook)])
        else:
            if webhook.privacy is not None:
                content, ((delivery, webhook),) = private(delivery, webhook, shared.content)
                shared = replace(shared, content=content)
            # The webhook is fresh; it is compared again only after a wait.
            await self._begin(owed_of(delivery, webhook), replace(shared, long=False))

    async def _begin(self, owed: Owed, shared: Shared) -> None:
        await self._deliver(owed, shared, self._enter(owed, shared))

    def _enter(self, owed: Owed, shared: Shared) -> Entry | Seat:
        if owed.webhook.batching is not None:
            return self.batches.enter(owed, shared.content, shared.places, shared.progress)
        return self.attempter.enter(owed, shared.places, shared.progress)

    def _expired(self, owed: Owed, shared: Shared) -> Attempt | None:
        """Return the attempt that is not made, where the event is too old for its webhook."""
        now, kind_of = self.clock(), shared.content.dialect.freshness
        expiry = expiry_of(self.freshness, owed.delivery, owed.webhook, kind_of, now)
        return None if expiry is None else expired(owed, expiry, now)

    async def _follow(self, owed: Owed, shared: Shared, attempt: Attempt) -> None:
        delivery, webhook = owed.delivery, owed.webhook
        self.reporter.attempted(delivery, attempt)
        if not owed.destination.is_fallback and attempt.in_batch is None:
            self.disabler.note(webhook, attempt)
        match self._next_step(owed, attempt):
            case Delivered():
                self.metrics.delivered.inc()
            case Withheld() if delivery.owed:
                last = attempt.delivery_after()
                await self.give_up(last, DeadLetterReason.SHADOWED, attempt.uri)
            case Withheld():
                self.metrics.shadowed.inc()
            case Retry(delay_ms):
                later = [attempt.delivery_after()]
                await self.availability.until_confirmed(lambda: self.queues.retry(later, delay_ms))
                self.metrics.retried.inc()
            case FallBack():
                reason = attempt.response.outcome.value
                last = replace(attempt.delivery_after(), fallback_for=reason)
                await self._begin(owed_of(last, webhook), shared)
            case GiveUp(why):
                await self.give_up(attempt.delivery_after(), why, attempt.uri)
            case step:
                assert_never(step)

    def _next_step(self, owed: Owed, attempt: Attempt) -> NextStep:
        """Decide the next step; a fallback is tried once and has no fallback itself."""
        on_fallback, webhook = owed.destination.is_fallback, owed.webhook
        retries = 0 if on_fallback else webhook.retries
        falls_back = webhook.fallback_uri is not None and not on_fallback
        number, response = attempt.attempt, attempt.response
        return next_step(
            self.policy, number, retries, response, self.choose, has_fallback=falls_back
        )

    async def _defer(self, owed: Owed, shared: Shared, reason: DeferReason) -> None:
        """Defer the delivery to a tier, or give it up after too many deferrals."""
        delivery = owed.delivery
        if not self.policy.may_defer(delivery, self.clock()):
            await self.give_up(delivery, DeadLetterReason.DEFERRED_TOO_OFTEN, owed.webhook.uri)
        else:
            # Other deliveries share the task: cancelling this one must not cancel it.
            confirmed = self._put_off(owed, shared, reason)
            await asyncio.wait([confirmed])
            confirmed.result()

    def _put_off(self, owed: Owed, shared: Shared, reason: DeferReason) -> asyncio.Task[None]:
        """Defer the delivery; the task ends once the broker has confirmed it."""
        delivery, endpoint, places = owed.delivery, owed.destination.endpoint, shared.places
        now, pause_s, wait_s = self.clock(), 0.0, None
        if endpoint is not None:
            pause_s = places.endpoints.pause_s(endpoint)
            left_s = delivery.waits_on_s(now)
            wait_s = places.wait_s(delivery.account_id, endpoint, reason, left_s)
        self.metrics.deferred[reason].inc()
        later, delay_ms = deferral(self.policy, delivery, wait_s, pause_s, now, self.choose)
        return self.deferrals.put_off(later, delay_ms)

    async def give_up(self, delivery: Delivery, reason: DeadLetterReason, uri: str) -> None:
        """Turn the delivery into a dead letter."""
        await self.dead_letter([DeadLetter(delivery, reason, uri, self.clock())])

    async def settle_undeliverable(self, letters: Sequence[DeadLetter]) -> None:
        """Dead-letter deliveries of one event that are not attempted."""
        await self.dead_letter(letters)
        for letter in letters:
            self.finished.add(letter.delivery)

    async def dead_letter(self, letters: Sequence[DeadLetter]) -> None:
        """Publish dead letters of one event to their queue."""
        await self.availability.until_confirmed(lambda: self.queues.dead_letter(letters))
        for letter in letters:
            self.reporter.given_up(letter)
