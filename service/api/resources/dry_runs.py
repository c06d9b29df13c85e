"""Dry runs of a webhook: a test request, a new secret, and "would it match?"."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from service.api.http.operation import Access, Answer, ApiCall, operation
from service.api.resources.webhooks import shown
from service.api.shapes.answers import AttemptInFull, ClauseVerdict, MatchAnswer, MatchVerdict
from service.api.shapes.bodies import Question, Rotation, TestRequest
from service.api.shapes.webhook import WebhookAnswer
from service.dialects.bus_message import Occasion
from service.dialects.dialect import Dialects
from service.dialects.hook import Hook
from service.dialects.question import Question as SwitchQuestion
from service.documents.log import attempt_document
from service.documents.webhook import BadDocument, webhook_of
from service.documents.webhook_form import Document
from service.domain.delivery import DeferReason
from service.domain.errors import Conflict, Forbidden, Invalid
from service.domain.filters.clause import Line
from service.domain.webhook import ALL_HOOKS, Account, Webhook
from service.management.attempts import attempt_in_full
from service.management.webhooks import Webhooks
from service.pipeline.ask.asker import Asker
from service.pipeline.ask.values import Ask
from service.pipeline.dry_run.matching import DryRun, as_message, dry_runs
from service.pipeline.dry_run.sample_sender import SampleSender
from service.ports import Directory

WEBHOOKS = "/v2/accounts/{account_id}/webhooks"
ONE = f"{WEBHOOKS}/{{webhook_id}}"
LONGEST_REASON = 500
"""Characters of a reason, which quotes values: an account may have a thousand long ones."""
TAG = "Dry runs"


@dataclass(frozen=True, slots=True)
class DryRunHandlers:
    """Each method answers one operation."""

    webhooks: Webhooks
    directory: Directory
    sample_sender: SampleSender
    asker: Asker
    dialects: Dialects

    @operation(
        "POST",
        f"{ONE}/test",
        name="testWebhook",
        tag=TAG,
        data=AttemptInFull,
        access=Access.WRITE,
        body=TestRequest,
        example={},
        errors=(404, 409),
    )
    async def test(self, call: ApiCall) -> Answer:
        """Send a hook's sample now, and return the attempt."""
        order: TestRequest = call.body
        document = await self.webhooks.one(call.account_id, call.webhook_id)
        try:
            webhook = webhook_of(document, self.dialects.default_source)
        except BadDocument as error:
            raise Conflict(f"the webhook cannot be used: {error}") from None
        account = await self.directory.account(call.account_id)
        question = self.dialects.question_of(webhook)
        if question is not None:
            return await self._asked(account.bound(webhook), question)
        hook = self._hook(order.hook or self._first_hook(webhook))
        attempt = await self.sample_sender.send(account.bound(webhook), hook, account)
        if isinstance(attempt, DeferReason):
            raise Conflict(f"the endpoint is {attempt.value}: no request now; try again later")
        return Answer(attempt_in_full(attempt_document(attempt), self.dialects))

    async def _asked(self, webhook: Webhook, question: SwitchQuestion) -> Answer:
        """Ask the question's sample, and return the last attempt with what would be applied."""
        call_id = f"test-{uuid.uuid4().hex}"
        members = question.sample(webhook.account_id, call_id)
        applied = await self.asker.ask(Ask(call_id, question, webhook, members, "", test=True))
        if not applied.attempts:
            raise Conflict(f"nobody was asked; applied: {applied.source}")
        last = applied.attempts[-1]
        return Answer(attempt_in_full(attempt_document(last), self.dialects))

    @operation(
        "POST",
        f"{ONE}/secret/rotate",
        name="rotateSecret",
        tag=TAG,
        data=WebhookAnswer,
        access=Access.WRITE,
        body=Rotation,
        example={"overlap_s": 3600},
        errors=(404, 409),
    )
    async def rotate(self, call: ApiCall) -> Answer:
        """Give the webhook a new secret; only this answer contains it."""
        order: Rotation = call.body
        document = await self.webhooks.rotate(
            call.principal, call.account_id, call.webhook_id, order.overlap_s, order.secret
        )
        return Answer(shown(document) | {"secret": document["secret"]})

    @operation(
        "POST",
        f"{WEBHOOKS}/match",
        name="matchWebhooks",
        tag=TAG,
        data=list[MatchAnswer],
        body=Question,
        example={"hook": "channel_destroy", "event": {"Hangup-Cause": "USER_BUSY"}},
        below="asks_below",
    )
    async def match(self, call: ApiCall) -> Answer:
        """Return which webhooks would get an event, and why the others would not."""
        question: Question = call.body
        account = await self._account(call, question.account_id)
        hook = self._hook(question.hook)
        sample = hook.sample(Occasion.now(account.account_id, "would-it-match"))
        body = {**sample.body, **(question.event or {})}
        message = as_message(hook.source, sample.exchange, sample.routing_key, body)
        documents = await self.webhooks.all(call.account_id)
        owner = await self.directory.account(call.account_id)
        return Answer([
            self._answer(dry_run, documents, owner)
            for dry_run in dry_runs(self.dialects.of(hook.source), message, account)
        ])  # fmt: skip

    async def asks_below(self, call: ApiCall) -> bool:
        """Return whether the question is about an account below."""
        return call.body.account_id not in (None, call.account_id)

    async def _account(self, call: ApiCall, account_id: str | None) -> Account:
        account = await self.directory.account(account_id or call.account_id)
        if account.account_id != call.account_id and call.account_id not in account.tree:
            raise Forbidden(f"account {account.account_id} is not below {call.account_id}")
        return account

    def _answer(
        self, dry_run: DryRun, documents: Sequence[Document], owner: Account
    ) -> dict[str, Any]:
        return {
            "hook": dry_run.event.hook,
            "payload": dict(dry_run.payload),
            "webhooks": [self._verdict(dry_run, document, owner) for document in documents],
        }

    def _verdict(self, dry_run: DryRun, document: Document, owner: Account) -> dict[str, Any]:
        try:
            webhook = owner.bound(webhook_of(document, self.dialects.default_source))
        except BadDocument as error:
            reasons, clauses = [f"the webhook cannot be used: {error}"], list[ClauseVerdict]()
        else:
            reasons = dry_run.reasons_against(webhook)
            clauses = [as_verdict(line) for line in dry_run.clauses_of(webhook)]
        return MatchVerdict(
            id=str(document["_id"]),
            name=document.get("name"),
            hook=document.get("hook"),
            matches=not reasons,
            reasons=[reason[:LONGEST_REASON] for reason in reasons],
            clauses=clauses,
        ).model_dump()

    def _first_hook(self, webhook: Webhook) -> str:
        """Return the hook whose sample tests the webhook, if the request names none."""
        if ALL_HOOKS in webhook.hooks:
            return self.dialects.of(webhook.source).test_hook
        return min(webhook.hooks)

    def _hook(self, hook_id: str) -> Hook:
        hook = self.dialects.hooks.get(hook_id)
        if hook is None:
            message = "Value not found in enumerated list of values"
            raise Invalid.of(
                "hook", "enum", message, target=list(self.dialects.hooks), value=hook_id
            )
        return hook


def as_verdict(line: Line) -> ClauseVerdict:
    """Return the result of a clause as the API shows it."""
    return ClauseVerdict(clause=line.path, wanted=line.wanted, held=line.held, found=line.found)
