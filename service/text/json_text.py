"""JSON in which every number is written as it was read, however long it is.

orjson reads an integer beyond 64 bits as a float, and writes `1.10` as `1.1`. A number that it
would not write as it stands becomes a `WrittenNumber`, which carries its text along.
"""

import json
from collections.abc import Iterable
from typing import Any

import orjson


class WrittenNumber(float):
    """A number, and the text it was written as."""

    __slots__ = ("text",)

    def __new__(cls, text: str) -> "WrittenNumber":
        """Return the number that a JSON text stands for."""
        number = super().__new__(cls, text)
        number.text = text
        return number

    text: str

    @property
    def is_integer_text(self) -> bool:
        """Whether it was written without a fraction and an exponent."""
        return self.text.lstrip("-").isdecimal()

    def __repr__(self) -> str:
        return self.text


def read_json(text: bytes | str) -> Any:
    """Return what a JSON text says. Raises orjson.JSONDecodeError."""
    return as_written(orjson.loads(text), text)


def as_written(value: Any, text: bytes | str) -> Any:
    """Return what orjson has read, with the numbers of the text as they stand there.

    Only a text with a float in it is read again: orjson reads every other number exactly.
    """
    try:
        if not has_float((value,)):
            return value
        return json.loads(text, parse_float=_number, parse_int=_integer)
    except RecursionError:
        return value


def write_json(value: Any, option: int = 0) -> bytes:
    """Return a value as JSON text. Raises TypeError for what is none."""
    return orjson.dumps(value, default=_as_text, option=option)


def has_float(members: Iterable[Any]) -> bool:
    """Return whether there is a float at any level; costs a microsecond or two for an event.

    Raises RecursionError.
    """
    for member in members:
        kind = type(member)
        if kind is float:
            return True
        if kind is dict:
            if has_float(member.values()):
                return True
        elif kind is list and has_float(member):
            return True
    return False


def _number(text: str) -> float:
    number = float(text)
    return number if orjson.dumps(number).decode() == text else WrittenNumber(text)


def _integer(text: str) -> float:
    """Convert no text of unbounded length, which takes time that grows with its square."""
    if len(text) <= 20:
        number = int(text)
        if -(1 << 63) <= number < 1 << 64:
            return number
    return WrittenNumber(text)


def _as_text(value: Any) -> orjson.Fragment:
    if isinstance(value, WrittenNumber):
        return orjson.Fragment(value.text)
    raise TypeError(f"no JSON for {type(value).__name__}")
