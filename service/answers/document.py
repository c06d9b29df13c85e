"""Neutral form of an answer: steps that are the same whichever form they were read from.

Attributes and defaults are VoxML's, the largest of the forms. Members that only one form has are
kept as `extras` and written to that form again.
"""

from dataclasses import field
from typing import Annotated

from annotated_types import Ge, Le

from service.answers.payment import Pay, PayParameter, PayPrompt
from service.answers.prompts import Extra, Pause, Play, Prompt, Say
from service.answers.values import (
    KEYS,
    MAX_DIGITS,
    MAX_LENGTH_S,
    AskUrl,
    CallerId,
    DialledNumber,
    Expression,
    FinishKeys,
    FlowId,
    History,
    Input,
    Language,
    Method,
    NotifyUrl,
    OptionalName,
    Recording,
    RecordingEvent,
    RejectReason,
    RingTone,
    SpeechTimeout,
    TimeoutMs,
    TimeoutS,
    Tones,
    Track,
    VariableName,
)
from service.domain.immutable import immutable

__all__ = [
    "Answer", "Branch", "Connect", "Dial", "Do", "Document", "Extra", "Flow", "Gather", "Hangup",
    "If", "Native", "Number", "Pause", "Pay", "PayParameter", "PayPrompt", "Play", "Prompt",
    "Record", "Redirect", "Reject", "Say", "Set", "Step", "Unset", "is_last",
]  # fmt: skip


@immutable
class Answer:
    """Answer the call."""

    history: History = History.DISABLE
    extras: tuple[Extra, ...] = ()


@immutable
class Gather:
    """Collect an input while the prompts are played, then ask `action` with it.

    Without an input, the next step follows, unless `action_on_empty_result`. An empty `action` is
    the URL of the document itself; None goes on with the next step.
    """

    action: AskUrl | None = None
    method: Method = Method.POST
    input: Input = Input.DTMF
    timeout_ms: TimeoutMs = 5000
    speech_timeout: SpeechTimeout = ""
    finish_on_key: FinishKeys = "#"
    num_digits: Annotated[int, Ge(1), Le(MAX_DIGITS)] | None = None
    language: Language = "en-US"
    output: OptionalName = ""
    profanity_filter: bool = False
    action_on_empty_result: bool = False
    prompts: tuple[Prompt, ...] = ()
    history: History = History.DISABLE
    extras: tuple[Extra, ...] = ()


@immutable
class Number:
    """Number that a `Dial` calls; `url` is asked for what the called party hears first."""

    number: DialledNumber
    url: AskUrl | None = None
    method: Method = Method.POST
    send_digits: Tones = ""


@immutable
class Dial:
    """Connect the caller to the first number that answers, then ask `action`, if there is one."""

    numbers: tuple[Number, ...]
    action: AskUrl | None = None
    method: Method = Method.POST
    answer_on_bridge: bool = False
    caller_id: CallerId = ""
    hangup_on_star: bool = False
    output: OptionalName = ""
    ring_tone: RingTone = RingTone.US
    timeout_s: TimeoutS = 30
    time_limit_s: Annotated[int, Ge(1), Le(86_400)] = MAX_LENGTH_S
    record: Recording = Recording.NONE
    recording_track: Track = Track.BOTH
    recording_status_callback: NotifyUrl | None = None
    recording_status_callback_method: Method = Method.POST
    recording_status_callback_event: tuple[RecordingEvent, ...] = (RecordingEvent.COMPLETED,)
    history: History = History.DISABLE
    extras: tuple[Extra, ...] = ()


@immutable
class Record:
    """Record the caller until a key, silence of `timeout_s` (0: none) or `max_length_s`."""

    action: AskUrl | None = None
    method: Method = Method.POST
    timeout_s: TimeoutS = 5
    finish_on_key: FinishKeys = KEYS
    max_length_s: Annotated[int, Ge(1), Le(MAX_LENGTH_S)] = 3600
    play_beep: bool = True
    recording_status_callback: NotifyUrl | None = None
    recording_status_callback_method: Method = Method.POST
    recording_status_callback_event: tuple[RecordingEvent, ...] = (RecordingEvent.COMPLETED,)
    history: History = History.DISABLE
    extras: tuple[Extra, ...] = ()


@immutable
class Redirect:
    """Go on with the document of a URL; `otherwise` runs if there is none."""

    url: AskUrl
    method: Method = Method.POST
    otherwise: "tuple[Step, ...]" = ()
    history: History = History.DISABLE
    extras: tuple[Extra, ...] = ()


@immutable
class Reject:
    """Refuse the call without answering it."""

    reason: RejectReason = RejectReason.REJECTED
    history: History = History.DISABLE
    extras: tuple[Extra, ...] = ()


@immutable
class Hangup:
    """End the call."""

    history: History = History.DISABLE
    extras: tuple[Extra, ...] = ()


@immutable
class Flow:
    """Flow stored at the provider; `resume` comes back afterwards."""

    flow_id: FlowId
    resume: bool = False


@immutable
class Connect:
    """Hand the call to a stored flow of the provider."""

    flows: tuple[Flow, ...]
    history: History = History.DISABLE


@immutable
class Set:
    """Set a variable of the call."""

    output: VariableName
    value: str = ""
    history: History = History.DISABLE
    extras: tuple[Extra, ...] = ()


@immutable
class Unset:
    """Remove a variable of the call."""

    output: VariableName
    history: History = History.DISABLE


@immutable
class If:
    """Run the steps if the expression holds."""

    expression: Expression
    steps: "tuple[Step, ...]" = ()


@immutable
class Do:
    """Run the steps while the expression holds, at most `max_loops` times."""

    expression: Expression
    max_loops: Annotated[int, Ge(1), Le(1000)] | None = None
    steps: "tuple[Step, ...]" = ()


@immutable
class Branch:
    """Steps that follow a native step under a key."""

    key: str
    steps: "tuple[Step, ...]"


@immutable
class Native:
    """Step that only one form has, kept as JSON text. Other forms refuse it."""

    form: str
    name: str
    data: str = "{}"
    branches: tuple[Branch, ...] = ()


Step = (
    Answer | Connect | Dial | Do | Gather | Hangup | If | Native | Pause | Pay | Play | Record
    | Redirect | Reject | Say | Set | Unset
)  # fmt: skip


@immutable
class Document:
    """Steps of an answer, in order. `ignored` names what was read over, with its position."""

    steps: tuple[Step, ...]
    ignored: tuple[str, ...] = field(default=(), compare=False)


LAST = (Redirect, Hangup, Reject)
"""Verbs that no other can follow."""


def is_last(step: Step) -> bool:
    """Return whether no step of the document can follow."""
    return isinstance(step, LAST)
