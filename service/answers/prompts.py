"""Prompts: the steps that a caller hears, which may also stand inside other steps."""

from typing import Annotated

from annotated_types import Ge, Le

from service.answers.values import (
    MAX_PAUSE_MS,
    History,
    Language,
    Loop,
    MediaUrl,
    Tones,
)
from service.domain.immutable import immutable


@immutable
class Extra:
    """Member that only one form has; `value` is JSON text."""

    form: str
    name: str
    value: str


@immutable
class Say:
    """Speak a text. `loop` 0 repeats it until the call ends."""

    text: str
    language: Language = ""
    voice: str = ""
    loop: Loop = 1
    history: History = History.DISABLE
    extras: tuple[Extra, ...] = ()


@immutable
class Play:
    """Play a file, or send the tones of `digits`. `loop` 0 repeats it until the call ends."""

    url: MediaUrl = ""
    digits: Tones = ""
    loop: Loop = 1
    history: History = History.DISABLE
    extras: tuple[Extra, ...] = ()


@immutable
class Pause:
    """Wait in silence."""

    duration_ms: Annotated[int, Ge(0), Le(MAX_PAUSE_MS)] = 1000
    history: History = History.DISABLE
    extras: tuple[Extra, ...] = ()


Prompt = Say | Play | Pause
