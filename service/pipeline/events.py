"""The event lane's work: from a message to the first attempts, with no broker in between."""

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from service.dialects.dialect import Dialects
from service.documents.webhook import BadDocument, webhook_of
from service.domain.delivery import Delivery, delivery_id_of
from service.domain.errors import RejectedMessage, RejectReason
from service.domain.event import Event
from service.domain.immutable import immutable
from service.domain.webhook import Account, Order, Webhook, account_of
from service.observability.metrics import Metrics
from service.pipeline.accounts.managed import ManagedWebhooks
from service.pipeline.calls.follow import CallFollower, Followed
from service.pipeline.calls.order import Ordering
from service.pipeline.coalescing import Bursts
from service.pipeline.deliver import Deliverer, Pair, Shared
from service.pipeline.ingest import Ingest
from service.pipeline.limits.places import Places
from service.pipeline.live.feed import LiveFeed
from service.pipeline.match import fitting, fitting_in_call, subscribed
from service.pipeline.progress import Progress
from service.pipeline.recovery.availability import Availability
from service.pipeline.recovery.finished import FinishedDeliveries
from service.pipeline.recovery.returned import Returned
from service.pipeline.request.build import content_of
from service.pipeline.request.private import Part, split_by_privacy
from service.pipeline.request.times import times_of
from service.pipeline.request.versions import Snapshot
from service.pipeline.steps import Steps
from service.ports import Directory, Incoming, Tracer
from service.profiles.known import DIVIDED, parts_of, step_of
from service.text.json_text import write_json


@immutable
class Arrival:
    """When a message arrived (unix seconds), its trace, and whether the broker redelivered it."""

    at: float
    traceparent: str
    redelivered: bool = False


@immutable
class Interested:
    """An event's account, and the webhooks that its hook and their filters match."""

    account: Account
    webhooks: list[Webhook]
    follows_calls: bool = False
    """Whether some webhook needs what is known of the account's calls."""


@dataclass(frozen=True, slots=True)
class EventWork:
    """Settles a message of the bus: each of its deliveries is finished, or confirmed in a queue."""

    ingest: Ingest
    directory: Directory
    managed: ManagedWebhooks
    bursts: Bursts
    deliverer: Deliverer
    finished: FinishedDeliveries
    metrics: Metrics
    availability: Availability
    dialects: Dialects
    places: Places
    tracer: Tracer
    steps: Steps
    calls: CallFollower
    ordering: Ordering
    returned: Returned = field(default_factory=Returned)
    feed: LiveFeed = field(default_factory=LiveFeed)
    clock: Callable[[], float] = time.time

    async def __call__(self, incoming: Incoming, progress: Progress) -> None:
        """Settle the message. Raises RejectedMessage where the dialect cannot read it."""
        received_at = self.clock()
        with self.tracer.span("ingest", incoming.traceparent) as span:
            events = await self.availability.until_available(lambda: self.ingest.events(incoming))
        if not events:
            self.metrics.ignored.inc()
        arrival = Arrival(received_at, span.traceparent, incoming.redelivered)
        for event in events:
            self.metrics.consumed[event.source, event.hook].inc()
            if event.account_id is None:
                self.metrics.unowned.inc()
                continue
            if event.ends_burst and event.burst_id is not None:
                self.bursts.end(event.burst_id)
            if event.provision is not None:
                await self.managed.keep(event.provision)
            own = self._deliver(event, event.account_id, arrival, progress)
            if event.scope_id is None:
                await own
            else:
                scoped = self._deliver_in_scope(event, event.account_id, arrival, progress)
                await asyncio.gather(own, scoped)

    async def deliver_own(self, event: Event) -> None:
        """Deliver an event that the service made itself; return once each delivery is settled."""
        with self.tracer.span("own event", None) as span:
            arrival = Arrival(self.clock(), span.traceparent)
        if event.account_id is not None:
            self.metrics.consumed[event.source, event.hook].inc()
            await self._deliver(event, event.account_id, arrival, Progress())

    async def _deliver_in_scope(
        self, event: Event, account_id: str, arrival: Arrival, progress: Progress
    ) -> None:
        """Deliver to the webhook of the event's scope, if there is one."""
        webhook = await self.managed.scoped(event.scope_id or "")
        if webhook is not None:
            await self._deliver(replace(event, webhook=webhook), account_id, arrival, progress)

    async def _deliver(
        self, event: Event, account_id: str, arrival: Arrival, progress: Progress
    ) -> None:
        with self.tracer.span("match", arrival.traceparent) as matching:
            interested = await self._interested(event, account_id)
            matching.note(hook=event.hook, webhooks=len(interested.webhooks))
        if self.feed.wanted and event.webhook is None:
            self._tell_listeners(event, interested.account, arrival)
        if (event.source, event.hook) in DIVIDED:
            await self._tell_parts(event, interested, arrival, progress)
        elif interested.webhooks:
            await self._tell(event, interested, arrival, progress)
        elif interested.follows_calls:
            await self.calls.follow(event, account_id, (), arrival.at, progress)

    async def _interested(self, event: Event, account_id: str) -> Interested:
        """Return the event's account, and the webhooks whose hooks and filters match."""
        account = await self._account(account_id)
        if event.webhook is not None:
            webhook = _brought_along(event.webhook, event.source)
            return Interested(account_of(account_id), [account.bound(webhook)])
        ancestors = [await self._account(ancestor) for ancestor in account.tree]
        follows = account.follows_calls or any(one.follows_calls_below for one in ancestors)
        return Interested(account, subscribed(event, account, ancestors), follows)

    async def _tell_parts(
        self, event: Event, interested: Interested, arrival: Arrival, progress: Progress
    ) -> None:
        """Tell webhooks with a profile the parts of the event, each by itself."""
        by_profile: dict[str | None, list[Webhook]] = {}
        for webhook in interested.webhooks:
            by_profile.setdefault(webhook.profile, []).append(webhook)
        await asyncio.gather(
            *(
                self._tell_part(part, replace(interested, webhooks=alike), arrival, progress)
                for profile, alike in by_profile.items()
                for part in parts_of(profile, event)
            )
        )

    async def _tell_part(
        self, part: Event, interested: Interested, arrival: Arrival, progress: Progress
    ) -> None:
        """Tell webhooks of one profile; statuses that have an order, each in its turn."""
        profile = interested.webhooks[0].profile
        step = step_of(profile, part.source, part.hook, part.fields)
        if step is None:
            await self._tell(part, interested, arrival, progress)
            return

        async def in_turn(webhook: Webhook) -> None:
            async with self.steps.turn(webhook, step, part.event_id, progress) as may:
                if may:
                    alone = replace(interested, webhooks=[webhook])
                    await self._tell(part, alone, arrival, progress)

        await asyncio.gather(*map(in_turn, interested.webhooks))

    async def _tell(
        self,
        event: Event,
        interested: Interested,
        arrival: Arrival,
        progress: Progress,
    ) -> None:
        dialect, account = self.dialects.of(event.source), interested.account
        payload = dialect.requests.payload(event, account)
        version = dialect.schema_version(event.hook)
        snapshot = Snapshot(payload, write_json(payload), version)
        times = times_of(arrival.at, event.occurred_at)
        content = content_of(dialect, event.hook, snapshot, times)
        follows = interested.follows_calls
        webhooks = fitting(
            interested.webhooks, content, payload, arrival.at, follows_calls=follows
        )  # fmt: skip
        followed = None
        if follows:
            owner = account.account_id
            followed = await self.calls.follow(event, owner, webhooks, arrival.at, progress)
            place = None if followed is None else followed.place
            wanted = fitting_in_call(webhooks, content, payload, arrival.at, place)
            await self.ordering.leave_out(event.event_id, webhooks, wanted, followed)
            webhooks = wanted
        if arrival.redelivered:
            self.returned.discard(progress)
        owed: Iterator[Pair] = (
            (delivery_for(event, webhook, arrival, snapshot, followed), webhook)
            for webhook in webhooks
        )
        if arrival.redelivered:
            owed = (pair for pair in owed if pair[0] not in self.finished)
        parts: Iterable[Part] = [(content, owed)]
        if any(webhook.privacy is not None for webhook in webhooks):
            parts = split_by_privacy(owed, content, snapshot)
        sendings = [(pairs, Shared(own, self.places, progress)) for own, pairs in parts]
        if followed is not None:
            await gathered(self._send_in_turn(event, *one, followed) for one in sendings)
        else:
            await gathered(self._send(event, *one) for one in sendings)

    async def _send(self, event: Event, owed: Iterable[Pair], shared: Shared) -> None:
        if event.burst_id is None or event.ends_burst:
            await self.deliverer.deliver(iter(owed), shared)
        else:
            await gathered(self._deliver_latest(event, pair, shared) for pair in owed)

    async def _send_in_turn(
        self, event: Event, owed: Iterable[Pair], shared: Shared, followed: Followed
    ) -> None:
        """Deliver to the ordered webhooks when it is the event's turn, to the others at once."""
        ordered: list[Pair] = []
        free: list[Pair] = []
        for pair in owed:
            (free if pair[1].order is Order.NONE else ordered).append(pair)
        waiting = [self.ordering.deliver(*pair, followed) for pair in ordered]
        await gathered((self._send(event, free, shared), *waiting))

    async def _deliver_latest(self, event: Event, pair: Pair, shared: Shared) -> None:
        """Deliver an event of a burst, unless a later one takes its place meanwhile."""
        if await self.bursts.is_latest(event, pair[1]):
            await self.deliverer.deliver(iter((pair,)), shared)

    def _tell_listeners(self, event: Event, account: Account, arrival: Arrival) -> None:
        """Hand the event to live streams; one that carries its webhook is for that one alone."""
        requests = self.dialects.of(event.source).requests
        payload = partial(requests.payload, event, account)
        self.feed.happened(event, account, payload, arrival.at, arrival.traceparent)

    async def _account(self, account_id: str) -> Account:
        account = self.directory.at_once(account_id)
        if account is not None:
            return account
        return await self.availability.until_available(lambda: self.directory.account(account_id))


async def gathered(works: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Await all; a single one needs no task of its own."""
    several = list(works)
    if len(several) == 1:
        await several[0]
    else:
        await asyncio.gather(*several)


def _brought_along(document: Mapping[str, Any], source: str) -> Webhook:
    try:
        return webhook_of(document, source)
    except BadDocument as error:
        raise RejectedMessage(RejectReason.WRONG_TYPE, f"the webhook: {error}") from error


def delivery_for(
    event: Event,
    webhook: Webhook,
    arrival: Arrival,
    snapshot: Snapshot,
    followed: Followed | None = None,
) -> Delivery:
    """Return the delivery of an event to a webhook."""
    return Delivery(
        delivery_id=delivery_id_of(event.event_id, webhook.webhook_id),
        event_id=event.event_id,
        webhook_id=webhook.webhook_id,
        account_id=webhook.account_id,
        hook=event.hook,
        event_name=event.name,
        call_id=event.call_id,
        received_at=arrival.at,
        payload=snapshot.text,
        traceparent=arrival.traceparent,
        webhook=None if event.webhook is None else dict(event.webhook),
        event_account_id=None if event.account_id == webhook.account_id else event.account_id,
        source=event.source,
        schema_version=snapshot.version,
        position=None if followed is None else followed.position,
        occurred_at=event.occurred_at,
    )
