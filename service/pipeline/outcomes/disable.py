"""Disabling of webhooks that fail repeatedly, counted in the store over all workers.

Each worker buffers failures and reports them to the store a few times a second, for all webhooks in
one request. No delivery waits for it. While the store is unavailable or slow, no webhook is
disabled and deliveries go on.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence

import structlog

from service.bounded import BoundedDict
from service.dialects.dialect import Dialects
from service.domain.delivery import NOT_SENT, Attempt, Outcome, Response
from service.domain.disable import GONE, TOO_MANY_FAILURES, DisablePolicy, HealthReport
from service.domain.errors import Unavailable
from service.domain.webhook import Webhook
from service.observability.metrics import Metrics
from service.ports import Announcer, Directory, WebhookHealth

NoteDisabled = Callable[[Webhook, str], Awaitable[None]]
"""Writes down, for the audit log, that a webhook was disabled, and the reason."""

MOST_FAILING = 50_000
MOST_PENDING = 10_000
"""Most webhooks with unreported results; the oldest beyond it are dropped. It is reached only while
the store is unavailable."""
MOST_FAILURES = 1000
"""The largest `failure_count` that a policy allows."""
TELL_EVERY_S = 0.25
STORE_AWAY_S = 5.0
"""Pause before the next report after the store did not answer."""

log = structlog.get_logger(__name__)


class Pending:
    """Results of a webhook since the last report to the store."""

    __slots__ = ("failures", "gone", "succeeded", "webhook")

    def __init__(self, webhook: Webhook) -> None:
        self.webhook = webhook
        self.failures: list[float] = []
        """Times of the failures since the last success, in unix seconds."""
        self.succeeded = False
        self.gone = False


class Disabler:
    """Counts failed attempts, and disables the webhooks that exceed their policy.

    A 429 with a `Retry-After` of at most `honoured_s` does not count: the receiver works, but is
    busy.
    """

    def __init__(
        self,
        policy: DisablePolicy,
        honoured_s: float,
        directory: Directory,
        health: WebhookHealth,
        announcer: Announcer,
        dialects: Dialects,
        metrics: Metrics,
        note_disabled: NoteDisabled,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._policy = policy
        self._honoured_s = honoured_s
        self._directory = directory
        self._health = health
        self._announcer = announcer
        self._dialects = dialects
        self._metrics = metrics
        self._note_disabled = note_disabled
        self._clock = clock
        self._failing = BoundedDict[str, None](MOST_FAILING)
        self._pending: OrderedDict[str, Pending] = OrderedDict()
        self._telling = asyncio.Lock()
        self._urgent = asyncio.Event()

    def learn(self, webhook_id: str) -> None:
        """Note that a webhook failed somewhere, here or in another worker."""
        self._failing[webhook_id] = None

    def note(self, webhook: Webhook, attempt: Attempt) -> None:
        """Count an attempt, unless no request was sent.

        A success costs a report only if the webhook failed before.
        """
        outcome = attempt.response.outcome
        webhook_id = webhook.webhook_id
        if outcome.succeeded:
            if webhook_id in self._failing:
                # Further successes before the next failure need no report.
                del self._failing[webhook_id]
                pending = self._pending_of(webhook)
                pending.succeeded = True
                pending.failures.clear()
        elif outcome not in NOT_SENT and not self._asks_for_time(attempt.response):
            self.learn(webhook_id)
            pending = self._pending_of(webhook)
            pending.failures.append(self._clock())
            pending.gone |= outcome is Outcome.GONE
            del pending.failures[:-MOST_FAILURES]
            if pending.gone or len(pending.failures) == self._policy.failure_count:
                self._urgent.set()

    async def run(self) -> None:
        """Report to the store and disable webhooks, until cancelled."""
        while True:
            try:
                async with asyncio.timeout(TELL_EVERY_S):
                    await self._urgent.wait()
            except TimeoutError:
                pass
            self._urgent.clear()
            try:
                await self.flush()
            except Unavailable as error:
                waiting = len(self._pending)
                log.warning("health.not_counted", error=str(error), webhooks=waiting)
                await asyncio.sleep(STORE_AWAY_S)
            except Exception:
                # A bug in the counting must not stop deliveries: only this report is lost.
                log.exception("health.bug")

    async def flush(self) -> None:
        """Report the results since the last report, and disable webhooks that failed too often.

        Raises StoreUnavailable; the results then wait for the next report.
        """
        async with self._telling:
            pending, self._pending = self._pending, OrderedDict()
            if not pending:
                return
            try:
                policies = {key: await self._policy_of(one) for key, one in pending.items()}
                failures = await self._health.tell(
                    [_report(one, policies[key]) for key, one in pending.items()]
                )
            except Unavailable:
                self._put_back(pending)
                raise
            for webhook_id, since_success in failures.items():
                await self._judge(pending[webhook_id], policies[webhook_id], since_success)

    def _asks_for_time(self, response: Response) -> bool:
        later_s = response.retry_after_s
        return response.status == 429 and later_s is not None and later_s <= self._honoured_s

    def _pending_of(self, webhook: Webhook) -> Pending:
        pending = self._pending.get(webhook.webhook_id)
        if pending is None:
            pending = self._pending[webhook.webhook_id] = Pending(webhook)
            if len(self._pending) > MOST_PENDING:
                self._pending.popitem(last=False)
        return pending

    async def _policy_of(self, pending: Pending) -> DisablePolicy:
        """Return the policy for a webhook: its account's own, or else the platform's."""
        account_id = pending.webhook.account_id
        account = self._directory.remembered(account_id)
        if account is None:
            account = await self._directory.account(account_id)
        return account.disable or self._policy

    def _put_back(self, untold: OrderedDict[str, Pending]) -> None:
        """Keep unreported results, ahead of those that came since."""
        for webhook_id, earlier in untold.items():
            later = self._pending.setdefault(webhook_id, earlier)
            if later is not earlier:
                later.gone |= earlier.gone
                if not later.succeeded:
                    later.failures[:0] = earlier.failures
                    later.succeeded = earlier.succeeded
            self.learn(webhook_id)
        while len(self._pending) > MOST_PENDING:
            self._pending.popitem(last=False)

    async def _judge(
        self, pending: Pending, policy: DisablePolicy, since_success: Sequence[float]
    ) -> None:
        """Disable or warn; `since_success` are the failures of all workers, in unix seconds."""
        now = self._clock()
        if pending.gone:
            await self._disable(pending.webhook, GONE)
        elif policy.exceeded(since_success, now):
            await self._disable(pending.webhook, TOO_MANY_FAILURES)
        elif policy.passed_half(since_success, len(pending.failures), now):
            self._warn(pending.webhook, policy)

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
        await self._note_disabled(webhook, reason)
        announcement = self._dialects.of(webhook.source).announcement
        if announcement is not None:
            told = announcement.message(webhook)
            await self._announcer.announce(told.exchange, told.routing_key, told.body)


def _report(pending: Pending, policy: DisablePolicy) -> HealthReport:
    failures = tuple(pending.failures[-policy.failure_count :])
    webhook_id = pending.webhook.webhook_id
    return HealthReport(webhook_id, failures, pending.succeeded, policy.failure_count)
