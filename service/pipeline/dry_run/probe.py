"""A test request: the sample of a hook, sent to a webhook now, for its owner to see."""

import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from service.dialects.bus_message import Occasion
from service.dialects.catalogue import Hook
from service.domain.delivery import Attempt, DeferReason, Delivery
from service.domain.errors import NotFound
from service.domain.trace import new_traceparent
from service.domain.webhook import Account, Webhook
from service.pipeline.attempt import Attempter
from service.pipeline.build import Encoder
from service.pipeline.dry_run.explain import as_message, trials
from service.pipeline.events import Arrival, delivery_for
from service.pipeline.limits.lines import Waiting
from service.pipeline.limits.places import Places
from service.pipeline.outcomes.record import Recorder
from service.pipeline.progress import Progress
from service.ports import Decoder
from service.text.json_text import write_json


@dataclass(frozen=True, slots=True)
class Probe:
    """Sends samples. They are recorded as tests, and count for nothing: no retry, no disabling."""

    attempter: Attempter
    recorder: Recorder
    decoders: Mapping[str, Decoder]
    cluster_id: str | None
    places: Places
    clock: Callable[[], float] = time.time

    async def send(self, webhook: Webhook, hook: Hook, account: Account) -> Attempt | DeferReason:
        """Return how the receiver took it, or why it cannot be asked now."""
        message = hook.sample(Occasion.now(account.account_id, f"test-{uuid.uuid4().hex}"))
        sample = as_message(hook.source, message.exchange, message.routing_key, message.body)
        found = trials(self.decoders[hook.source], sample, account)
        trial = next(trial for trial in found if trial.event.hook == hook.hook_id)
        arrival = Arrival(self.clock(), new_traceparent())
        snapshot = write_json(dict(trial.payload))
        delivery = delivery_for(trial.event, webhook, arrival, snapshot)
        encoder = Encoder(trial.payload, self.cluster_id)
        attempt = await self._attempt(delivery, webhook, encoder)
        if isinstance(attempt, Attempt):
            self.recorder.add(attempt)
        return attempt

    async def _attempt(
        self, delivery: Delivery, webhook: Webhook, encoder: Encoder
    ) -> Attempt | DeferReason:
        entry = self.attempter.enter(delivery, webhook, self.places, Progress())
        if isinstance(entry, Waiting):
            entry = await self.places.turn(entry)
        if isinstance(entry, DeferReason):
            return entry
        if isinstance(entry, Attempt):
            return replace(entry, test=True)
        made = await self.attempter.attempt(
            delivery, webhook, encoder, self.places, entry, test=True
        )
        if made is None:
            raise NotFound("webhook")
        return made
