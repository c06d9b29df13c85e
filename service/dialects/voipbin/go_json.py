r"""JSON as Go's `encoding/json` writes it, byte for byte: customers verify signatures over it.

Go escapes `&`, `<`, `>`, U+2028 and U+2029; all else is as orjson writes it but exponents. Numbers
without an exponent stay as VoIPBIN has written them, integers of any length included.
"""

from decimal import Decimal
from typing import Any

import orjson

from service.text.json_text import WrittenNumber, has_float

ESCAPES = (
    (b"&", rb"\u0026"),
    (b"<", rb"\u003c"),
    (b">", rb"\u003e"),
    ("\u2028".encode(), rb"\u2028"),
    ("\u2029".encode(), rb"\u2029"),
)
"""These occur within strings only, so they can be replaced in the finished text."""
LEAST_PLAIN, LEAST_EXPONENT = 1e-6, 1e21
"""Where Go writes a float without an exponent."""


def go_json(value: Any) -> bytes:
    """Return a value as Go writes it. Raises TypeError for what is no JSON."""
    plain = _floats_written(value) if has_float((value,)) else value
    text = orjson.dumps(plain, default=_as_text)
    for character, escape in ESCAPES:
        if character in text:
            text = text.replace(character, escape)
    return text


def go_number(text: str) -> str:
    """Return a number's text as Go writes it."""
    if "e" not in text and "E" not in text:
        return text
    number = float(text)
    if number == 0 or LEAST_PLAIN <= abs(number) < LEAST_EXPONENT:
        return _plain(number)
    mantissa, _, exponent = repr(number).partition("e")
    return f"{mantissa.removesuffix('.0')}e{int(exponent):+d}"


def _plain(number: float) -> str:
    text = format(Decimal(repr(number)), "f")
    return text.rstrip("0").removesuffix(".") if "." in text else text


def _floats_written(value: Any) -> Any:
    if type(value) is float:
        return _as_text(value)
    if type(value) is dict:
        return {key: _floats_written(child) for key, child in value.items()}
    return [_floats_written(child) for child in value] if type(value) is list else value


def _as_text(value: Any) -> orjson.Fragment:
    if isinstance(value, WrittenNumber):
        return orjson.Fragment(go_number(value.text))
    if type(value) is float:
        return orjson.Fragment(go_number(orjson.dumps(value).decode()))
    raise TypeError(f"no JSON for {type(value).__name__}")
