"""Test requests: send a hook's sample to a webhook at once and return the attempt."""

import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from service.dialects.bus_message import Occasion
from service.dialects.dialect import Dialects
from service.dialects.hook import Hook
from service.domain.delivery import Attempt, DeferReason
from service.domain.errors import Invalid, NotFound
from service.domain.trace import new_traceparent
from service.domain.webhook import Account, Webhook
from service.pipeline.attempt import Attempter
from service.pipeline.dry_run.matching import as_message, dry_runs
from service.pipeline.events import Arrival, delivery_for
from service.pipeline.limits.lines import Waiting
from service.pipeline.limits.places import Places
from service.pipeline.live.feed import LiveFeed
from service.pipeline.outcomes.attempt_writer import AttemptWriter
from service.pipeline.progress import Progress
from service.pipeline.request.batch import batch_of_one
from service.pipeline.request.build import EventContent, content_of, request_for
from service.pipeline.request.destination import Owed, owed_of
from service.pipeline.request.private import split_by_privacy
from service.pipeline.request.times import times_of
from service.pipeline.request.versions import Snapshot
from service.profiles.known import sample_in
from service.text.json_text import write_json


@dataclass(frozen=True, slots=True)
class SampleSender:
    """Sends samples. They are logged as tests, are not retried, and never disable a webhook."""

    attempter: Attempter
    attempt_writer: AttemptWriter
    dialects: Dialects
    places: Places
    feed: LiveFeed = field(default_factory=LiveFeed)
    clock: Callable[[], float] = time.time

    async def send(self, webhook: Webhook, hook: Hook, account: Account) -> Attempt | DeferReason:
        """Return the attempt, or the reason why no request can be made now."""
        message = hook.sample(Occasion.now(account.account_id, f"test-{uuid.uuid4().hex}"))
        sample = as_message(hook.source, message.exchange, message.routing_key, message.body)
        dialect = self.dialects.of(hook.source)
        found = dry_runs(dialect, sample, account)
        dry_run = next(dry_run for dry_run in found if dry_run.event.hook == hook.hook_id)
        arrival = Arrival(self.clock(), new_traceparent())
        payload = _sample(webhook, hook, dry_run.payload)
        snapshot = Snapshot(payload, write_json(dict(payload)), hook.version)
        delivery = delivery_for(dry_run.event, webhook, arrival, snapshot)
        times = times_of(arrival.at, dry_run.event.occurred_at)
        content = content_of(dialect, hook.hook_id, snapshot, times)
        ((content, ((delivery, webhook),)),) = split_by_privacy(
            [(delivery, webhook)], content, snapshot
        )
        attempt = await self._attempt(owed_of(delivery, webhook), content)
        if isinstance(attempt, Attempt):
            self.attempt_writer.add(attempt)
            self.feed.attempted(attempt)
        return attempt

    async def _attempt(self, owed: Owed, content: EventContent) -> Attempt | DeferReason:
        entry = self.attempter.enter(owed, self.places, Progress())
        if isinstance(entry, Waiting):
            entry = await self.places.turn(entry)
        if isinstance(entry, DeferReason):
            return entry
        if isinstance(entry, Attempt):
            return replace(entry, test=True)
        batched = owed.webhook.batching is not None
        write = batch_of_one(owed, content) if batched else request_for
        made = await self.attempter.attempt(
            owed, content, self.places, entry, test=True, urgent=True, write=write
        )
        if made is None:
            raise NotFound("webhook")
        return made


def _sample(webhook: Webhook, hook: Hook, payload: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a payload that the webhook's profile can tell. Raises Invalid where none can be."""
    if webhook.profile is None:
        return payload
    found = sample_in(webhook.profile, hook.source, hook.hook_id, payload)
    if found is None:
        text = f"profile {webhook.profile} has no request for hook {hook.hook_id}"
        raise Invalid.of("hook", "invalid", text, value=hook.hook_id)
    return found
