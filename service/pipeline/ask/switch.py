"""Questions that a switch asks over its own bus, in place of a request to one of our addresses.

The address in a question names the webhook. A question is asked once: nothing is put off, and the
switch is told at once where there is no document.
"""

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field

from service.bounded import BoundedDict
from service.dialects.body import read_object
from service.dialects.dialect import Dialects
from service.dialects.switch_question import SwitchQuestion, SwitchQuestions
from service.domain.errors import StoreUnavailable
from service.domain.event import Message
from service.pipeline.ask.address import AskAddress, webhook_at
from service.pipeline.ask.asker import Asker
from service.pipeline.ask.follow_up import NEXT, follow_up_in
from service.pipeline.ask.values import Applied, Ask
from service.pipeline.progress import Progress
from service.ports import Directory, Incoming, SwitchBus

MOST_REMEMBERED = 10_000


def _none_yet() -> "BoundedDict[str, None]":
    return BoundedDict(MOST_REMEMBERED)


@dataclass(frozen=True, slots=True)
class SwitchAsks:
    """The work of the lane of one switch's questions."""

    questions: SwitchQuestions
    asker: Asker
    directory: Directory
    dialects: Dialects
    bus: SwitchBus
    max_bytes: int
    told: "BoundedDict[str, None]" = field(default_factory=_none_yet)
    now: Callable[[], float] = time.perf_counter

    async def __call__(self, incoming: Incoming, progress: Progress) -> None:
        """Tell the switch what is applied. Raises RejectedMessage where it cannot be read."""
        progress.begun = True
        message = Message("ask", "", "", incoming.body, incoming.content_encoding)
        question = self.questions.read(read_object(message, self.max_bytes))
        # A redelivered message may have been answered already; no call is steered twice.
        if incoming.redelivered:
            replies = () if question.question_id in self.told else question.declined
        else:
            applied = await self._applied(question)
            document = None if applied is None else applied.content
            replies = question.declined if document is None else question.answered(document)
        if all([await self.bus.reply(reply) for reply in replies]):
            self.told[question.question_id] = None

    async def _applied(self, question: SwitchQuestion) -> Applied | None:
        """Return what is applied; None where no webhook of ours is meant."""
        began = self.now()
        ask = await self._ask(question)
        if ask is None:
            return None
        return await self.asker.ask(ask, question.budget_s - (self.now() - began))

    async def _ask(self, question: SwitchQuestion) -> Ask | None:
        """Return what to ask by the address in a question; None where it names no webhook."""
        address = AskAddress.of(question.url)
        if address is None:
            return None
        try:
            webhook = await webhook_at(self.directory, address.account_id, address.last)
        except StoreUnavailable:
            return None
        kind = None if webhook is None else self.dialects.question_of(webhook)
        if webhook is None or webhook.asking is None or kind is None:
            return None
        members = {**address.members, **question.members}
        token = members.pop(NEXT, None)
        follow_up = None if token is None else follow_up_in(str(token), webhook.asking.key)
        if token is not None and follow_up is None:
            return None
        return Ask(uuid.uuid4().hex, kind, webhook, members, address.own_url, follow_up)
