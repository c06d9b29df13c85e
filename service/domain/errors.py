"""Errors, grouped by what the caller must do about them."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, ClassVar


class SwitchhookError(Exception):
    """Everything this service raises on purpose."""


class SettingsError(SwitchhookError):
    """The configuration cannot be used: print every problem, exit 2."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = tuple(problems)


class TopologyConflict(SwitchhookError):
    """One of our queues or exchanges exists with other arguments: an operator must decide."""


class Unavailable(SwitchhookError):
    """A dependency does not answer: back off and come again; nothing is lost."""

    about: ClassVar[str] = "service"
    """The dependency's name in what commands print."""

    def __init__(self, text: str = "", remedy: str = "") -> None:
        super().__init__(text)
        self.remedy = remedy


class StoreUnavailable(Unavailable):
    """MongoDB does not answer."""

    about = "store"


class BrokerUnavailable(Unavailable):
    """RabbitMQ did not confirm; whether it stored the message is unknown, so publish it again."""

    about = "broker"


class BrokerRefuses(BrokerUnavailable):
    """RabbitMQ is there and will not do: a permission is missing, or it is too old.

    Try again nevertheless: after an operator mends it, no restart must be needed.
    """


class NothingSent(SwitchhookError):
    """Our own machine lacks what a request needs, such as descriptors: put the delivery off."""


class CrossbarUnavailable(Unavailable):
    """Crossbar, a switch's REST API, does not answer, or not as it should."""

    about = "crossbar"


class CrossbarRefused(SwitchhookError):
    """Crossbar says that we may not, or that there is no such account: a human must act."""


class Invalid(SwitchhookError):
    """The request is invalid: say which field is wrong, and why.

    `problems` maps field to code to details, as Crossbar's validation errors do:
    `{"retries": {"maximum": {"message": "Value must be at most 5", "target": 5, "value": 9}}}`.
    """

    def __init__(self, problems: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> None:
        super().__init__(f"not valid: {', '.join(problems)}")
        self.problems = problems

    @classmethod
    def of(cls, field: str, code: str, message: str, **details: Any) -> "Invalid":
        """Return the error with one problem."""
        return cls({field: {code: {"message": message, **details}}})


class NotFound(SwitchhookError):
    """There is no such thing, or none that the asking account may know of."""

    def __init__(self, what: str) -> None:
        super().__init__(f"there is no {what}")
        self.what = what


class Conflict(SwitchhookError):
    """It cannot be done with the thing as it is now; the text says why."""


class Unauthenticated(SwitchhookError):
    """The caller is unknown: no token, or no valid one."""


class Forbidden(SwitchhookError):
    """The caller is known and lacks the right."""


class TooManyRequests(SwitchhookError):
    """The caller exceeds its rate limit."""

    def __init__(self, retry_after_s: float, limit: int) -> None:
        super().__init__(f"too many requests; again in {retry_after_s:.1f} s")
        self.retry_after_s = retry_after_s
        self.limit = limit


class RejectReason(StrEnum):
    """Why a message from the bus was refused. A value is a metric label and a message header."""

    TOO_LARGE = "too_large"
    BAD_ENCODING = "bad_encoding"
    NOT_UTF8 = "not_utf8"
    NOT_JSON = "not_json"
    TOO_DEEP = "too_deep"
    NOT_AN_OBJECT = "not_an_object"
    MISSING_FIELD = "missing_field"
    WRONG_TYPE = "wrong_type"
    UNKNOWN_EVENT = "unknown_event"
    BUG = "bug"
    POISON = "poison"


class RejectedMessage(SwitchhookError):
    """The message can never be understood: move it to the rejected queue, never requeue it."""

    def __init__(self, reason: RejectReason, detail: str) -> None:
        super().__init__(f"{reason.value}: {detail}")
        self.reason = reason
        self.detail = detail
