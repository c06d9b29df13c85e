"""What can go wrong, grouped by what the caller must do about it."""

from collections.abc import Sequence
from enum import StrEnum


class SwitchhookError(Exception):
    """Everything this service raises on purpose."""


class SettingsError(SwitchhookError):
    """The configuration cannot be used: print every problem, exit 2."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = tuple(problems)


class TopologyConflict(SwitchhookError):
    """A queue or exchange of ours exists with other arguments: a human must decide."""


class Unavailable(SwitchhookError):
    """A dependency does not answer: back off and come again; nothing is lost."""


class StoreUnavailable(Unavailable):
    """MongoDB does not answer."""


class BrokerUnavailable(Unavailable):
    """RabbitMQ did not confirm; whether it stored the message is unknown, so publish it again."""


class CrossbarUnavailable(Unavailable):
    """Crossbar, Kazoo's REST API, does not answer, or not as it should."""


class CrossbarRefused(SwitchhookError):
    """Crossbar says that we may not, or that there is no such account: a human must act."""


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


class RejectedMessage(SwitchhookError):
    """The message can never be understood: move it to the rejected queue, never requeue it."""

    def __init__(self, reason: RejectReason, detail: str) -> None:
        super().__init__(f"{reason.value}: {detail}")
        self.reason = reason
        self.detail = detail
