"""The asker: the primary, then the fallback, then the static answer, all within one budget.

Nothing is put off and nothing is retried. Exactly one answer is applied; the requests of a question
have the same `webhook-id`.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import structlog

from service.answers.errors import BadAnswer
from service.answers.forms import Translated
from service.deadline import within
from service.dialects.dialect import Dialects
from service.domain.answer import AnswerSource as Source
from service.domain.delivery import (
    Attempt,
    DeferReason,
    Delivery,
    Outcome,
    Request,
    Response,
    attempt_id_of,
    delivery_id_of,
)
from service.domain.immutable import immutable
from service.domain.trace import new_traceparent
from service.domain.webhook import Asking, Verb, Webhook
from service.observability.logs import quick_info
from service.observability.metrics import Metrics
from service.pipeline.ask.check import AnswerCheck
from service.pipeline.ask.values import Applied, Ask
from service.pipeline.attempt import Attempter, WriteRequest
from service.pipeline.limits.lines import Place
from service.pipeline.limits.places import Places
from service.pipeline.outcomes.report import Reporter
from service.pipeline.progress import Progress
from service.pipeline.request.build import EventContent, request_for
from service.pipeline.request.destination import Owed, owed_of
from service.text.json_text import write_json

RESERVE_S = 0.1
"""Kept of the budget for reading the last answer, and for the way back to the switch."""
PRIMARY_SHARE = 0.6
"""Of what is left, the primary's part where a fallback follows."""
NOBODY = Asking("")

log = structlog.get_logger(__name__)


@immutable
class Trial:
    """One server's try. `document` is None where it gave none that can be used."""

    source: Source
    attempt: Attempt
    document: Translated | None
    reason: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Asker:
    """Asks actionable webhooks. `places` are a share of the pool for questions alone."""

    attempter: Attempter
    check: AnswerCheck
    reporter: Reporter
    dialects: Dialects
    places: Places
    metrics: Metrics
    clock: Callable[[], float] = time.time
    now: Callable[[], float] = field(default=time.perf_counter)
    log_asked: Callable[..., None] = field(default_factory=quick_info)

    async def ask(self, ask: Ask, budget_s: float | None = None) -> Applied:
        """Return what is applied, within the budget of the webhook or a smaller one.

        To be called once in a task: its log lines have the question's id from then on.
        """
        structlog.contextvars.bind_contextvars(ask_id=ask.ask_id)
        began = self.now()
        asking = ask.webhook.asking or NOBODY
        budget_s = asking.budget_s if budget_s is None else min(budget_s, asking.budget_s)
        ends_at = began + max(0.0, budget_s - RESERVE_S)
        trials: list[Trial] = []
        if _is_asked(ask):
            for source in _servers(ask.webhook):
                trials.append(await self._trial(ask, source, trials, ends_at))
                if trials[-1].document is not None:
                    break
        applied = await self._applied(ask, trials, began, ends_at)
        # Once the answer is on its way: a caller waits for it, and nobody for what is noted.
        asyncio.get_running_loop().call_soon(self._report, ask, applied)
        return applied

    async def _applied(
        self, ask: Ask, trials: list[Trial], began: float, ends_at: float
    ) -> Applied:
        reasons = tuple(f"{one.source}: {one.reason}" for one in trials if one.document is None)
        source, document = Source.NONE, None
        if trials and trials[-1].document is not None:
            source, document = trials[-1].source, trials[-1].document
        elif trials or not ask.webhook.enabled:
            source, document, refused = await self._static(ask, ends_at)
            reasons += refused
        content = ask.question.no_document if document is None else document.content
        content_type = "application/json" if document is None else document.content_type
        dropped = () if document is None else document.dropped
        elapsed_s = self.now() - began
        attempts = tuple([_told(one, source, elapsed_s, test=ask.test) for one in trials])
        return Applied(
            ask.ask_id, source, content, content_type, elapsed_s, reasons, dropped, attempts
        )

    async def _static(
        self, ask: Ask, ends_at: float
    ) -> tuple[Source, Translated | None, tuple[str, ...]]:
        """Return the static answer, which was checked when it was set; its links may be refused."""
        static = (ask.webhook.asking or NOBODY).static_answer
        if static is None:
            return Source.NONE, None, ()
        try:
            checking = self.check.document(ask, static.encode(), "", ask.webhook.uri)
            document = await within(self._until(ends_at + RESERVE_S / 2), checking)
        except BadAnswer as error:
            return Source.NONE, None, (f"static: {error.reason}",)
        except TimeoutError:
            return Source.NONE, None, ("static: no_time",)
        return Source.STATIC, document, ()

    async def _trial(self, ask: Ask, source: Source, before: list[Trial], ends_at: float) -> Trial:
        """Ask one server within its part of what is left; never raises for what it does."""
        left_s = ends_at - self.now()
        has_next = source is Source.PRIMARY and ask.webhook.fallback_uri is not None
        limit_s = left_s * PRIMARY_SHARE if has_next else left_s
        owed = self._owed(ask, before)
        if limit_s <= 0:
            return Trial(source, self._unasked(owed, "no time is left"), None, "no_time")
        try:
            # The request has this limit itself; fetching an access token before it has another.
            async with asyncio.timeout(limit_s + RESERVE_S / 2):
                attempt = await self._attempt(ask, owed, limit_s)
        except TimeoutError:
            attempt = self._unasked(owed, "no time is left", Outcome.TIMED_OUT)
        response = attempt.response
        if not response.outcome.succeeded:
            return Trial(source, attempt, None, response.outcome.value, response.detail or "")
        try:
            checking = self.check.checked(ask, response, attempt.uri)
            document = await within(self._until(ends_at + RESERVE_S / 2), checking)
        except BadAnswer as error:
            self.metrics.answers_refused[error.reason].inc()
            return Trial(source, attempt, None, error.reason.value, error.detail)
        except TimeoutError:
            return Trial(source, attempt, None, "no_time", "its links could not be judged in time")
        return Trial(source, attempt, document)

    async def _attempt(self, ask: Ask, owed: Owed, limit_s: float) -> Attempt:
        """Make the attempt at once, or none."""
        dialect = self.dialects.of(ask.question.source)
        content = EventContent(dialect, ask.question.writer(ask.members))
        entry = self.attempter.enter(owed, self.places, Progress())
        if isinstance(entry, Attempt):
            return entry
        if not isinstance(entry, Place | DeferReason):
            self.places.withdraw(entry)
            entry = DeferReason.SATURATED
        if isinstance(entry, DeferReason):
            return self._unasked(owed, entry.value)
        made = await self.attempter.attempt(
            owed,
            content,
            self.places,
            entry,
            test=ask.test,
            urgent=True,
            write=self._writer(limit_s),
        )
        if isinstance(made, Attempt):
            return made
        return self._unasked(owed, "the webhook was deleted" if made is None else made.value)

    def _writer(self, limit_s: float) -> WriteRequest:
        """Return the writer of a request that has a time limit and whose answer is read whole."""

        def write(
            owed: Owed, content: EventContent, attempt: int, now: float, traceparent: str | None
        ) -> Request:
            request = request_for(owed, content, attempt, now, traceparent)
            most = self.check.policy.max_bytes + 1
            return replace(request, timeout_s=limit_s, in_full=True, body_bytes=most)

        return write

    def _owed(self, ask: Ask, before: list[Trial]) -> Owed:
        webhook = ask.webhook
        if ask.follow_up is not None:
            verb = Verb(ask.follow_up.verb)
            webhook = replace(webhook, uri=ask.follow_up.url, verb=verb)
        delivery = Delivery(
            delivery_id=delivery_id_of(ask.ask_id, webhook.webhook_id),
            event_id=ask.ask_id,
            webhook_id=webhook.webhook_id,
            account_id=webhook.account_id,
            hook=ask.question.hook_id,
            event_name=ask.question.hook_id,
            call_id=ask.call_id,
            received_at=self.clock(),
            payload=write_json(dict(ask.members)),
            past=tuple(one.attempt.as_past() for one in before),
            fallback_for=before[-1].reason if before else None,
            traceparent=before[-1].attempt.delivery.traceparent if before else new_traceparent(),
            source=ask.question.source,
        )
        return owed_of(delivery, webhook)

    def _until(self, ends_at: float) -> float:
        """Return the seconds that are left until a time, at least 0."""
        return max(0.0, ends_at - self.now())

    def _unasked(self, owed: Owed, why: str, outcome: Outcome = Outcome.NOT_ASKED) -> Attempt:
        response, at = Response(outcome, detail=why), self.clock()
        number, retries = len(owed.delivery.past) + 1, 0
        return Attempt(
            owed.delivery, number, owed.destination.uri, None, response, at, 0.0,
            attempt_id_of(at), retries,
        )  # fmt: skip

    def _report(self, ask: Ask, applied: Applied) -> None:
        self.log_asked(
            "ask.finished",
            account_id=ask.webhook.account_id,
            webhook_id=ask.webhook.webhook_id,
            call_id=ask.call_id,
            source=applied.source.value,
            reasons=list(applied.reasons),
            elapsed_ms=round(applied.elapsed_s * 1000, 1),
        )
        self.metrics.asks[applied.source].inc()
        self.metrics.ask_duration.observe(applied.elapsed_s)
        for attempt in applied.attempts:
            self.reporter.attempted(attempt.delivery, attempt)


def _told(trial: Trial, applied: Source, elapsed_s: float, *, test: bool) -> Attempt:
    """Return the attempt with what became of its answer, and what was applied in the end."""
    document = trial.document
    told = {
        "from": trial.source.value,
        "used": document is not None,
        "reason": trial.reason or None,
        "detail": trial.detail or None,
        "document": None if document is None else document.content.decode("utf-8", "replace"),
        "dropped": None if document is None else list(document.dropped),
        "applied": applied.value,
        "elapsed_ms": round(elapsed_s * 1000, 1),
    }
    answer = {key: value for key, value in told.items() if value is not None}
    return replace(trial.attempt, answer=answer, test=test)


def _servers(webhook: Webhook) -> Sequence[Source]:
    only = (Source.PRIMARY,)
    return only if webhook.fallback_uri is None else (*only, Source.FALLBACK)


def _is_asked(ask: Ask) -> bool:
    """Return whether anybody is asked: a disabled webhook's servers are not.

    Nor is the action of an input without digits, unless the document wants that.
    """
    if not ask.webhook.enabled:
        return False
    follow_up = ask.follow_up
    return follow_up is None or follow_up.asked_if_empty or ask.has_digits
