"""Types of the attributes of verbs: each declares its allowed values once, for every form."""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from annotated_types import Ge, Le

KEYS = "1234567890*#"
VARIABLE = "${"
"""Start of a variable in a text: `${name.part}` in VoxML, `${name}` in VoIPBIN."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """Text that an attribute must match as a whole; `allowed` describes it in error messages."""

    expression: re.Pattern[str]
    allowed: str


class Role(StrEnum):
    """Purpose of a URL in a document."""

    ASK = "ask"
    """Returns the next document."""
    NOTIFY = "notify"
    """Is told that something happened; its answer is ignored."""
    MEDIA = "media"
    """Is played."""
    OTHER = "other"
    """Stands in a member that only one form has."""


@dataclass(frozen=True, slots=True)
class UrlOf:
    """Marks an attribute as a URL."""

    role: Role


class Method(StrEnum):
    """HTTP method of a request that a document asks for."""

    GET = "GET"
    POST = "POST"


class History(StrEnum):
    """How a verb is recorded in the call detail record (VoxML)."""

    DISABLE = "disable"
    COMPACT = "compact"
    FULL = "full"


class Input(StrEnum):
    """How a caller may give an input."""

    DTMF = "dtmf"
    SPEECH = "speech"
    BOTH = "dtmf speech"


class RingTone(StrEnum):
    """Country whose ringing tone the caller hears."""

    AU = "au"
    BE = "be"
    CN = "cn"
    CZ = "cz"
    DE = "de"
    DK = "dk"
    ES = "es"
    FI = "fi"
    FR = "fr"
    HU = "hu"
    IL = "il"
    IN = "in"
    JP = "jp"
    PL = "pl"
    UK = "uk"
    US = "us"


class Recording(StrEnum):
    """Whether, from when and in how many channels a dialled call is recorded."""

    NONE = "do-not-record"
    FROM_RINGING = "record-from-ringing"
    FROM_ANSWER = "record-from-answer"
    FROM_RINGING_DUAL = "record-from-ringing-dual"
    FROM_ANSWER_DUAL = "record-from-answer-dual"


class Track(StrEnum):
    """Which side of a call is recorded."""

    INBOUND = "inbound"
    OUTBOUND = "outbound"
    BOTH = "both"


class RecordingEvent(StrEnum):
    """Change of a recording that a callback is told of."""

    IN_PROGRESS = "in-progress"
    COMPLETED = "completed"
    FAILED = "failed"


class RejectReason(StrEnum):
    """Why a call is not answered; chooses the SIP response."""

    REJECTED = "rejected"
    BUSY = "busy"


UNSET = "null"
"""JSON text of an extra that stands for a member that was not there and must not be written."""
MAX_REPEATS = 1000
MOST_REPEATS = 20
"""Most repetitions that are written out for a form that has no loop."""
MAX_DIGITS = 999
MAX_TIMEOUT_S = 3600
MAX_PAUSE_MS = 86_400_000
"""The longest `sleep` of Kazoo (schema `callflows.sleep`)."""
MAX_LENGTH_S = 14_400
"""The longest recording of VoxML's `Record`, and its longest call by default."""

Loop = Annotated[int, Ge(0), Le(MAX_REPEATS)]
TimeoutS = Annotated[int, Ge(0), Le(MAX_TIMEOUT_S)]
TimeoutMs = Annotated[int, Ge(0), Le(MAX_TIMEOUT_S * 1000)]
AskUrl = Annotated[str, UrlOf(Role.ASK)]
NotifyUrl = Annotated[str, UrlOf(Role.NOTIFY)]
MediaUrl = Annotated[str, UrlOf(Role.MEDIA)]
FinishKeys = Annotated[
    str, Pattern(re.compile(r"[0-9*#]{0,12}"), "keys out of 1234567890*#, or empty for none")
]
Tones = Annotated[str, Pattern(re.compile(r"[0-9A-Da-dwW*#]{0,100}"), "up to 100 of 0-9 A-D * # w")]
DialledNumber = Annotated[
    str, Pattern(re.compile(r"\+?[0-9*#]{1,20}"), "up to 20 digits, with or without + before them")
]
CallerId = Annotated[
    str, Pattern(re.compile(r"(\+?[0-9*#]{1,20})?"), "up to 20 digits, or empty for the caller's")
]
Language = Annotated[
    str, Pattern(re.compile(r"([A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,4})?"), "a BCP 47 tag: en-US")
]
SpeechTimeout = Annotated[
    str, Pattern(re.compile(r"(auto|[0-9]{1,4})?"), "auto, or a whole number of seconds")
]
VariableName = Annotated[
    str, Pattern(re.compile(r"[A-Za-z_][A-Za-z0-9_.\-]{0,99}"), "letters, digits and _ . -")
]
OptionalName = Annotated[
    str,
    Pattern(
        re.compile(r"([A-Za-z_][A-Za-z0-9_.\-]{0,99})?"),
        "a name of letters, digits and _ . -, or empty for none",
    ),
]
FlowId = Annotated[
    str, Pattern(re.compile(r"[A-Za-z0-9\-]{1,64}"), "up to 64 letters, digits and -")
]
Expression = Annotated[str, Pattern(re.compile(r"(?s).{1,1000}"), "1 to 1,000 characters")]
