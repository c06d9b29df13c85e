"""The error that every unusable answer raises."""

from service.domain.answer import BadAnswerReason
from service.domain.errors import SwitchhookError

__all__ = ["BadAnswer", "BadAnswerReason"]


class BadAnswer(SwitchhookError):
    """The answer cannot be used: take the next source of an answer.

    `detail` names the position first, such as `Response/Gather[1]/@timeout`, then the problem and
    the allowed values.
    """

    def __init__(self, reason: BadAnswerReason, detail: str) -> None:
        super().__init__(f"{reason.value}: {detail}")
        self.reason = reason
        self.detail = detail
