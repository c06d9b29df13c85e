"""The error that every unusable answer raises."""

from enum import StrEnum

from service.domain.errors import SwitchhookError


class BadAnswerReason(StrEnum):
    """Why an answer cannot be used; the values are metric labels."""

    EMPTY = "empty"
    TOO_LARGE = "too_large"
    TOO_DEEP = "too_deep"
    TOO_MANY_VERBS = "too_many_verbs"
    WRONG_TYPE = "wrong_type"
    BAD_ENCODING = "bad_encoding"
    MALFORMED = "malformed"
    DTD = "dtd"
    UNKNOWN_VERB = "unknown_verb"
    BAD_ATTRIBUTE = "bad_attribute"
    BAD_URL = "bad_url"
    UNSUPPORTED = "unsupported"


class BadAnswer(SwitchhookError):
    """The answer cannot be used: take the next source of an answer.

    `detail` names the position first, such as `Response/Gather[1]/@timeout`, then the problem and
    the allowed values.
    """

    def __init__(self, reason: BadAnswerReason, detail: str) -> None:
        super().__init__(f"{reason.value}: {detail}")
        self.reason = reason
        self.detail = detail
