"""JSON that preserves the text of every number, of any length.

orjson reads an integer beyond 64 bits as a float, and writes `1.10` as `1.1`. A number that orjson
would change becomes a `WrittenNumber`, which keeps the original text.
"""

import json
from collections.abc import Iterable
from typing import Any

import orjson


class WrittenNumber(float):
    """A float that keeps the JSON text it was read from."""

    __slots__ = ("text",)

    def __new__(cls, text: str) -> "WrittenNumber":
        """Return the number of a JSON text."""
        number = super().__new__(cls, text)
        number.text = text
        return number

    text: str

    @property
    def is_integer_text(self) -> bool:
        """Whether its text has neither a fraction nor an exponent."""
        return self.text.lstrip("-").isdecimal()

    def __repr__(self) -> str:
        return self.text


def read_json(text: bytes | str) -> Any:
    """Return the value of a JSON text, its numbers preserved. Raises orjson.JSONDecodeError."""
    return as_written(orjson.loads(text), text)


def as_written(value: Any, text: bytes | str) -> Any:
    """Return the value that orjson read from a text, with the text of its numbers preserved.

    Parses the text a second time only if the value has a float: orjson reads all other numbers
    exactly. A value nested too deeply for Python's recursion limit is returned as orjson read it.
    """
    try:
        if not has_float((value,)):
            return value
        return json.loads(text, parse_float=_number, parse_int=_integer)
    except RecursionError:
        return value


def write_json(value: Any, option: int = 0) -> bytes:
    """Return a value as JSON text. Raises TypeError for a value that JSON cannot represent."""
    return orjson.dumps(value, default=_as_text, option=option)


def same(value: Any, other: Any) -> bool:
    """Compare as JSON text does, at every level: 1 is neither true nor "1" nor 1.0.

    Numbers count by their value, however the switch wrote them.
    """
    if isinstance(value, WrittenNumber):
        value = float(value)
    if not isinstance(value, dict | list):
        return type(value) is type(other) and bool(value == other)
    sort = orjson.OPT_SORT_KEYS
    return orjson.dumps(value, float, sort) == orjson.dumps(other, float, sort)


def has_float(members: Iterable[Any]) -> bool:
    """Return whether there is a float at any level; takes one or two microseconds per event.

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
    """Return an int of up to 64 bits, else the text: converting a long one takes quadratic time."""
    if len(text) <= 20:
        number = int(text)
        if -(1 << 63) <= number < 1 << 64:
            return number
    return WrittenNumber(text)


def _as_text(value: Any) -> orjson.Fragment:
    if isinstance(value, WrittenNumber):
        return orjson.Fragment(value.text)
    raise TypeError(f"JSON cannot represent {type(value).__name__}")
