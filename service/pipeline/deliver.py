"""Fourth arrow: make one attempt for a delivery, and do what follows from its outcome."""

import asyncio
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import assert_never

import structlog

from service.domain.delivery import (
    Attempt,
    DeadLetter,
    DeadLetterReason,
    Delivery,
    Outcome,
    Response,
)
from service.domain.endpoint import Endpoint, endpoint_of
from service.domain.retry import (
    Delivered,
    GiveUp,
    NextStep,
    Retry,
    RetryPolicy,
    deferral_ms,
    next_step,
)
from service.domain.webhook import Webhook
from service.observability.metrics import Metrics
from service.pipeline.build import Encoder, request_for
from service.pipeline.disable import Disabler
from service.pipeline.gates import EndpointGates
from service.pipeline.memory import Finished
from service.pipeline.patience import Patience
from service.pipeline.record import Recorder
from service.ports import Queues, Sender

log = structlog.get_logger(__name__)

remembered_endpoint = lru_cache(maxsize=20_000)(endpoint_of)


@dataclass(frozen=True, slots=True)
class Deliverer:
    """Everything a delivery needs, whichever lane it comes from."""

    sender: Sender
    queues: Queues
    recorder: Recorder
    gates: EndpointGates
    disabler: Disabler
    policy: RetryPolicy
    finished: Finished
    metrics: Metrics
    patience: Patience
    clock: Callable[[], float] = time.time
    choose: Callable[[tuple[int, int, int]], int] = random.choice

    async def deliver(
        self, delivery: Delivery, webhook: Webhook, encoder: Encoder, slots: asyncio.Semaphore
    ) -> None:
        """Return once the delivery is settled: taken by its receiver, or confirmed in a queue.

        `slots` is the lane's share of the connection pool.
        """
        try:
            await self._deliver(delivery, webhook, encoder, slots)
        except Exception:
            log.exception("delivery.bug", delivery_id=delivery.delivery_id)
            await self.give_up(delivery, DeadLetterReason.BUG, webhook.uri)
        self.finished.add(delivery)

    async def _deliver(
        self, delivery: Delivery, webhook: Webhook, encoder: Encoder, slots: asyncio.Semaphore
    ) -> None:
        try:
            endpoint = remembered_endpoint(webhook.uri)
        except ValueError as error:
            await self._conclude_unsent(delivery, webhook, str(error))
            return
        if not await self.gates.enter(endpoint):
            await self._defer(delivery)
            return
        attempt = await self._attempt(delivery, webhook, encoder, endpoint, slots)
        await self._conclude(delivery, webhook, attempt)

    async def _attempt(
        self,
        delivery: Delivery,
        webhook: Webhook,
        encoder: Encoder,
        endpoint: Endpoint,
        slots: asyncio.Semaphore,
    ) -> Attempt:
        number = len(delivery.past) + 1
        duration_s = 0.0
        try:
            async with slots:
                started_at = self.clock()
                start = time.perf_counter()
                request = request_for(delivery, webhook, encoder, number, started_at)
                response = await self.sender.send(request)
                duration_s = time.perf_counter() - start
        finally:
            self.gates.leave(endpoint, duration_s)
        return Attempt(delivery, number, webhook.uri, request, response, started_at, duration_s)

    async def _conclude_unsent(self, delivery: Delivery, webhook: Webhook, detail: str) -> None:
        response = Response(Outcome.INVALID_REQUEST, detail=detail)
        number = len(delivery.past) + 1
        attempt = Attempt(delivery, number, webhook.uri, None, response, self.clock(), 0.0)
        await self._conclude(delivery, webhook, attempt)

    async def _conclude(self, delivery: Delivery, webhook: Webhook, attempt: Attempt) -> None:
        self._report(delivery, attempt)
        await self.disabler.note(webhook, attempt)
        step = next_step(
            self.policy, attempt.attempt, webhook.retries, attempt.response, self.choose
        )
        await self._take(step, delivery, attempt)

    async def _take(self, step: NextStep, delivery: Delivery, attempt: Attempt) -> None:
        match step:
            case Delivered():
                self.metrics.delivered.inc()
            case Retry(delay_ms):
                later = replace(delivery, past=(*delivery.past, attempt.as_past()), deferrals=0)
                await self.patience.until_confirmed(lambda: self.queues.retry(later, delay_ms))
                self.metrics.retried.inc()
            case GiveUp(reason):
                final = replace(delivery, past=(*delivery.past, attempt.as_past()))
                await self.give_up(final, reason, attempt.uri)
            case _:
                assert_never(step)

    async def _defer(self, delivery: Delivery) -> None:
        """Put the delivery off to a tier without an attempt: its endpoint is busy."""
        later = replace(delivery, deferrals=delivery.deferrals + 1)
        delay_ms = deferral_ms(self.policy, delivery, self.choose)
        await self.patience.until_confirmed(lambda: self.queues.retry(later, delay_ms))
        self.metrics.deferred.inc()

    async def give_up(self, delivery: Delivery, reason: DeadLetterReason, uri: str | None) -> None:
        """Turn the delivery into a dead letter."""
        letter = DeadLetter(delivery, reason, uri, self.clock())
        await self.patience.until_confirmed(lambda: self.queues.bury(letter))
        self.metrics.dead_letters[reason].inc()
        self.metrics.dead_lettered.inc()
        log.warning(
            "delivery.dead_lettered",
            delivery_id=delivery.delivery_id,
            webhook_id=delivery.webhook_id,
            account_id=delivery.account_id,
            reason=reason.value,
            attempts=len(delivery.past),
        )

    def _report(self, delivery: Delivery, attempt: Attempt) -> None:
        """Tell log, metrics and attempt log: the one place that does."""
        response = attempt.response
        self.recorder.add(attempt)
        self.metrics.attempts[response.outcome].inc()
        self.metrics.attempt_duration.observe(attempt.duration_s)
        if response.outcome.succeeded and attempt.attempt == 1:
            since = attempt.started_at + attempt.duration_s - delivery.received_at
            self.metrics.event_to_delivery.observe(max(0.0, since))
        log.info(
            "attempt.finished",
            delivery_id=delivery.delivery_id,
            webhook_id=delivery.webhook_id,
            account_id=delivery.account_id,
            hook=delivery.hook,
            call_id=delivery.call_id,
            attempt=attempt.attempt,
            outcome=response.outcome.value,
            status=response.status,
            duration_ms=round(attempt.duration_s * 1000, 1),
            detail=response.detail,
        )
