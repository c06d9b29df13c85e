"""Questions over the bus: `reply_to` and `correlation_id`, or Kazoo's convention.

A question names its webhook: `{id, account_id, webhook_id, deadline_ms, payload}`. In Kazoo's
convention it is `{Msg-ID, Server-ID, Account-ID, Webhook-ID, ...}`, and the answer goes to the
exchange `targeted`. Whoever may publish to our queue may ask.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from service import __version__
from service.bounded import BoundedDict
from service.dialects.body import read_object
from service.dialects.dialect import Dialects
from service.dialects.targeted import targeted
from service.domain.answer import AnswerSource
from service.domain.errors import RejectedMessage, RejectReason, StoreUnavailable
from service.domain.event import Message
from service.domain.reply import Reply
from service.domain.webhook import Webhook
from service.pipeline.ask.asker import Asker
from service.pipeline.ask.values import Applied, Ask
from service.pipeline.progress import Progress
from service.ports import Directory, Incoming, SwitchBus
from service.text.json_text import write_json

MOST_BYTES = 65_536
LONGEST_ID = 128
MOST_REMEMBERED = 10_000
OUTCOMES: Mapping[AnswerSource, str] = {
    AnswerSource.PRIMARY: "ok",
    AnswerSource.FALLBACK: "fallback",
    AnswerSource.STATIC: "fallback",
    AnswerSource.NONE: "refused",
}

Answer = dict[str, Any]


def _none_yet() -> "BoundedDict[str, asyncio.Future[Answer]]":
    return BoundedDict(MOST_REMEMBERED)


@dataclass(frozen=True, slots=True)
class BusQuestion:
    """A question as it was read. `kazoo` says which convention its answer follows."""

    ask_id: str
    account_id: str
    webhook_id: str
    budget_s: float | None
    members: Mapping[str, Any]
    kazoo: bool


@dataclass(frozen=True, slots=True)
class BusAsks:
    """The work of the lane of questions. A repeated id gets the answer of the first."""

    asker: Asker
    directory: Directory
    dialects: Dialects
    bus: SwitchBus
    public_url: str = ""
    answers: "BoundedDict[str, asyncio.Future[Answer]]" = field(default_factory=_none_yet)

    async def __call__(self, incoming: Incoming, progress: Progress) -> None:
        """Reply to a question. Raises RejectedMessage where it cannot be read."""
        progress.begun = True
        body = read_object(Message("ask", "", "", incoming.body), MOST_BYTES)
        question = _question(body)
        key = f"{question.account_id}/{question.webhook_id}/{question.ask_id}"
        earlier = self.answers.get(key)
        if earlier is None:
            earlier = self.answers[key] = asyncio.get_running_loop().create_future()
            try:
                earlier.set_result(await self._answer(question))
            except BaseException:
                # Who repeats the question meanwhile is refused; after that it may be asked again.
                earlier.set_result(_refused(question, "the question was not answered"))
                self.answers.pop(key, None)
                raise
        await self.bus.reply(_reply(incoming, body, question, await asyncio.shield(earlier)))

    async def _answer(self, question: BusQuestion) -> Answer:
        try:
            webhook = await self.directory.webhook(question.account_id, question.webhook_id)
        except StoreUnavailable:
            # Who asks does not wait for the store.
            return _refused(question, "the webhook cannot be looked up now")
        kind = None if webhook is None else self.dialects.question_of(webhook)
        if webhook is None or kind is None or webhook.account_id != question.account_id:
            return _refused(question, "no actionable webhook has this id")
        own_url = self._own_url(webhook)
        ask = Ask(question.ask_id, kind, webhook, question.members, own_url)
        applied = await self.asker.ask(ask, question.budget_s)
        return _told(question, applied, kind.form)

    def _own_url(self, webhook: Webhook) -> str:
        """Return our address for follow-ups; empty where the operator has not told it."""
        if not self.public_url or webhook.asking is None:
            return ""
        address = f"{webhook.webhook_id}-{webhook.asking.key}"
        return f"{self.public_url.rstrip('/')}/ask/{webhook.account_id}/{address}"


def _question(body: Mapping[str, Any]) -> BusQuestion:
    kazoo = "Server-ID" in body
    names = ("Msg-ID", "Account-ID", "Webhook-ID") if kazoo else ("id", "account_id", "webhook_id")
    ask_id, account_id, webhook_id = (_text(body, name) for name in names)
    if kazoo:
        return BusQuestion(ask_id, account_id, webhook_id, None, body, kazoo=True)
    payload = body.get("payload") or {}
    if not isinstance(payload, dict):
        raise RejectedMessage(RejectReason.WRONG_TYPE, "payload must be an object")
    return BusQuestion(ask_id, account_id, webhook_id, _budget_s(body), payload, kazoo=False)


def _budget_s(body: Mapping[str, Any]) -> float | None:
    deadline_ms = body.get("deadline_ms")
    if deadline_ms is None:
        return None
    if type(deadline_ms) is not int or deadline_ms < 0:
        detail = "deadline_ms must be a whole number of milliseconds"
        raise RejectedMessage(RejectReason.WRONG_TYPE, detail)
    return deadline_ms / 1000


def _text(body: Mapping[str, Any], name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= LONGEST_ID:
        detail = f"{name} must be a text of at most {LONGEST_ID} characters"
        raise RejectedMessage(RejectReason.MISSING_FIELD, detail)
    return value


def _refused(question: BusQuestion, why: str) -> Answer:
    return {"id": question.ask_id, "outcome": "refused", "reason": why}


def _told(question: BusQuestion, applied: Applied, form: str) -> Answer:
    document = None if applied.content is None else applied.content.decode("utf-8", "replace")
    return {
        "id": question.ask_id,
        "outcome": OUTCOMES[applied.source],
        "dialect": form,
        "document": document,
        "source": applied.source.value,
        "reasons": list(applied.reasons),
        "elapsed_ms": round(applied.elapsed_s * 1000, 1),
    }


def _reply(
    incoming: Incoming, body: Mapping[str, Any], question: BusQuestion, answer: Answer
) -> Reply:
    """Return the reply by the convention of the question."""
    if not question.kazoo:
        return Reply("", incoming.reply_to or "", write_json(answer), incoming.correlation_id)
    whole = {
        "App-Name": "switchhook",
        "App-Version": __version__,
        "Event-Category": "switchhook",
        "Event-Name": "ask_resp",
        "Msg-ID": question.ask_id,
        **answer,
    }
    return targeted(str(body["Server-ID"]), write_json(whole))
