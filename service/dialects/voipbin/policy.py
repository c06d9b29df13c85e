"""What an operator may choose about VoIPBIN's messages."""

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from annotated_types import Len

Tap = Literal["topic", "fanout"]


@dataclass(frozen=True, slots=True)
class VoipbinPolicy:
    """Where VoIPBIN's events are taken from, and what of them is sent on."""

    __pydantic_config__: ClassVar = {"extra": "forbid", "use_attribute_docstrings": True}

    taps: Annotated[tuple[Tap, ...], Len(1)] = ("topic",)
    """Exchanges that events are taken from. `topic`: the one of webhook-manager, with what
    VoIPBIN's customers get; `fanout`: one for each service, also with the events of participants,
    queues and flows."""
    forward_secrets: bool = False
    """Send the keys and passwords that some events carry, such as the `engine_key` of an AI."""
