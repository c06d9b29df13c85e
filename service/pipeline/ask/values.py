"""A question of a call, and what was applied as its answer."""

from collections.abc import Mapping
from typing import Any

from service.dialects.question import Question
from service.domain.answer import AnswerSource
from service.domain.delivery import Attempt
from service.domain.immutable import immutable
from service.domain.webhook import Webhook
from service.pipeline.ask.follow_up import FollowUp


@immutable
class Ask:
    """One question. `own_url` is our address as the switch knows it, for follow-ups."""

    ask_id: str
    question: Question
    webhook: Webhook
    members: Mapping[str, Any]
    own_url: str
    follow_up: FollowUp | None = None
    test: bool = False
    """Whether no call waits for the answer."""

    @property
    def call_id(self) -> str | None:
        """The call that waits."""
        return self.question.call_id_in(self.members)

    @property
    def has_digits(self) -> bool:
        """Whether the caller entered digits: `Digits`, or by collection, `Digits[default]`."""
        return any(
            value for name, value in self.members.items() if name.partition("[")[0] == "Digits"
        )


@immutable
class Applied:
    """The answer to a question. `content` is None where the call goes on without a document."""

    ask_id: str
    source: AnswerSource
    content: bytes | None
    content_type: str
    elapsed_s: float
    reasons: tuple[str, ...] = ()
    """Why those before the source gave none, in order, such as `primary: timed_out`."""
    dropped: tuple[str, ...] = ()
    """What could not be said in the switch's form."""
    attempts: tuple[Attempt, ...] = ()
    """The requests that were made, as the attempt log has them."""
