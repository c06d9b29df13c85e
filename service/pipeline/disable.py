"""Switching off webhooks that fail and fail: counted for all workers together, in the store.

It is no part of a delivery's settlement: while the store is away or slow nothing is counted, and
deliveries go on as they would.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable

import structlog

from service.domain.delivery import Attempt, Outcome
from service.domain.disable import GONE, TOO_MANY_FAILURES, DisablePolicy
from service.domain.errors import Unavailable
from service.domain.webhook import Webhook
from service.observability.metrics import Metrics
from service.ports import Announcer, Directory, WebhookHealth

MOST_FAILING = 50_000
SOON_S = 0.5
"""How long a delivery waits for its attempt to be counted, which then goes on without it."""
STORE_AWAY_S = 5.0
"""How long nothing is counted after the store did not answer, or not soon."""

log = structlog.get_logger(__name__)


class Disabler:
    """Notes how attempts ended, and disables the webhooks for which it was bad too often."""

    def __init__(
        self,
        policy: DisablePolicy,
        directory: Directory,
        health: WebhookHealth,
        announcer: Announcer,
        metrics: Metrics,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._policy = policy
        self._directory = directory
        self._health = health
        self._announcer = announcer
        self._metrics = metrics
        self._clock = clock
        self._failing: OrderedDict[str, None] = OrderedDict()
        self._resume_at = 0.0
        self._counting: dict[str, asyncio.Task[None]] = {}

    def learn(self, webhook_id: str) -> None:
        """Note that a webhook failed somewhere, here or in another worker."""
        self._failing[webhook_id] = None
        if len(self._failing) > MOST_FAILING:
            self._failing.popitem(last=False)

    async def note(self, webhook: Webhook, attempt: Attempt) -> None:
        """Count the attempt, if one was made. A success of one that never failed costs nothing."""
        outcome = attempt.response.outcome
        if outcome is Outcome.SHADOWED or self._clock() < self._resume_at:
            return
        webhook_id = webhook.webhook_id
        if not outcome.succeeded:
            self.learn(webhook_id)
        elif webhook_id not in self._failing:
            return
        else:
            # Other successes of this moment need not be told as well.
            del self._failing[webhook_id]
        earlier = self._counting.get(webhook_id)
        counting = asyncio.create_task(self._count(webhook, outcome, earlier))
        self._counting[webhook_id] = counting
        counting.add_done_callback(lambda done: self._counted(webhook_id, done))
        if (await asyncio.wait([counting], timeout=SOON_S))[0]:
            counting.result()
        elif earlier is None:
            # Behind others of its webhook that would say nothing of the store.
            self._stop_counting(webhook, f"not within {SOON_S} s")

    async def _count(
        self, webhook: Webhook, outcome: Outcome, earlier: asyncio.Task[None] | None
    ) -> None:
        """Tell the store how an attempt ended, after those that ended earlier."""
        if earlier is not None:
            await asyncio.wait([earlier])
        try:
            if outcome.succeeded:
                await self._health.succeeded(webhook.webhook_id)
            else:
                await self._failed(webhook, outcome)
        except Unavailable as error:
            self.learn(webhook.webhook_id)
            self._stop_counting(webhook, str(error))

    def _counted(self, webhook_id: str, counting: asyncio.Task[None]) -> None:
        if self._counting.get(webhook_id) is counting:
            del self._counting[webhook_id]

    def _stop_counting(self, webhook: Webhook, error: str) -> None:
        """Count nothing for a while: each question to such a store would hold up a delivery."""
        self._resume_at = self._clock() + STORE_AWAY_S
        log.warning("health.not_counted", webhook_id=webhook.webhook_id, error=error)

    async def _failed(self, webhook: Webhook, outcome: Outcome) -> None:
        now = self._clock()
        policy = (await self._directory.account(webhook.account_id)).disable or self._policy
        failures = await self._health.failed(webhook.webhook_id, now, policy.failure_count)
        if outcome is Outcome.GONE:
            await self._disable(webhook, GONE)
        elif policy.exceeded(failures, now):
            await self._disable(webhook, TOO_MANY_FAILURES)
        elif policy.half_way(failures, now):
            self._warn(webhook, policy)

    def _warn(self, webhook: Webhook, policy: DisablePolicy) -> None:
        self._metrics.webhooks_warned.inc()
        log.warning(
            "webhook.failing",
            webhook_id=webhook.webhook_id,
            account_id=webhook.account_id,
            disabled_at_failures=policy.failure_count,
            window_s=policy.window_s,
        )

    async def _disable(self, webhook: Webhook, reason: str) -> None:
        disabled = await self._health.disable(webhook.webhook_id, reason)
        self._directory.forget(webhook.account_id)
        if not disabled:
            return
        self._metrics.webhooks_disabled.inc()
        log.warning(
            "webhook.disabled",
            webhook_id=webhook.webhook_id,
            account_id=webhook.account_id,
            reason=reason,
        )
        await self._announcer.webhook_disabled(webhook)
