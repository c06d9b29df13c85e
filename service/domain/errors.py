"""Errors of the service, grouped by how the caller must react."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, ClassVar


class SwitchhookError(Exception):
    """Parent of every error that this service raises on purpose."""


class SettingsError(SwitchhookError):
    """The configuration cannot be used: print every problem, exit 2."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = tuple(problems)


class TopologyConflict(SwitchhookError):
    """One of our queues or exchanges exists with other arguments: an operator must decide."""


class Unavailable(SwitchhookError):
    """A dependency does not answer: back off and try again; nothing is lost."""

    about: ClassVar[str] = "service"
    """The dependency's name in the output of commands."""

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
    """RabbitMQ answers and refuses: a permission is missing, or its version is too old.

    Try again all the same, so that the service recovers without a restart once it is repaired.
    """


class NothingSent(SwitchhookError):
    """Our machine lacks a resource for a request, such as descriptors: defer the delivery."""


class SwitchApiUnavailable(Unavailable):
    """A switch's API that tells the owners of tokens does not answer, or not as it should."""

    about = "switch API"


class CrossbarUnavailable(Unavailable):
    """Crossbar, a switch's REST API, does not answer, or gives an unexpected answer."""

    about = "crossbar"


class CrossbarRefused(SwitchhookError):
    """Crossbar denies access or does not know the account: an operator must act."""


class Invalid(SwitchhookError):
    """The request is invalid: report each wrong field with its problem.

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
    """The resource does not exist, or the caller's account may not see it."""

    def __init__(self, what: str) -> None:
        super().__init__(f"there is no {what}")
        self.what = what


class Conflict(SwitchhookError):
    """The present state of the resource rules the operation out; the text gives the reason."""


class Unauthenticated(SwitchhookError):
    """The caller is unknown: the token is missing or not valid."""


class Forbidden(SwitchhookError):
    """The caller is known, but not allowed to do this."""


class TooManyRequests(SwitchhookError):
    """The caller exceeded its rate limit."""

    def __init__(self, retry_after_s: float, limit: int) -> None:
        super().__init__(f"too many requests; retry in {retry_after_s:.1f} s")
        self.retry_after_s = retry_after_s
        self.limit = limit


class TooManyStreams(SwitchhookError):
    """The account, or the process, has as many live streams as it may have."""


class RejectReason(StrEnum):
    """Why a message from the bus was rejected; the values are metric labels and message headers."""

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
    """The message can never be decoded: move it to the rejected queue, never requeue it."""

    def __init__(self, reason: RejectReason, detail: str) -> None:
        super().__init__(f"{reason.value}: {detail}")
        self.reason = reason
        self.detail = detail
