"""Readers of JSON values with Kazoo's liberal rules: an empty value counts as missing."""

import re
import string
from collections.abc import Mapping
from math import isfinite
from typing import Any

from service.domain.errors import RejectedMessage, RejectReason
from service.text.json_text import WrittenNumber

_INTEGER = re.compile(r"[+-]?[0-9]+")


def text(values: Mapping[str, Any], key: str) -> str | None:
    """Return a string; numbers and booleans become text, empty or nested values None."""
    value = values.get(key)
    if type(value) is str:
        return value or None
    if value is True or value is False:
        return str(value).lower()
    return str(value) if isinstance(value, int | float) else None


def required_text(values: Mapping[str, Any], key: str) -> str:
    """Return a string that is required. Raises RejectedMessage."""
    value = values.get(key)
    if value is None or value == "":
        raise RejectedMessage(RejectReason.MISSING_FIELD, f"{key} is missing")
    if type(value) is not str:
        raise RejectedMessage(RejectReason.WRONG_TYPE, f"{key} must be a string")
    return value


def flag(values: Mapping[str, Any], key: str) -> bool:
    """Return whether a value is true or the string `true` in any case."""
    value = values.get(key)
    return value is True or (type(value) is str and value.lower() == "true")


def integer(values: Mapping[str, Any], key: str) -> int | WrittenNumber | None:
    """Return an integer, from a number or a numeric string; None for anything else.

    A number beyond 64 bits is returned as a `WrittenNumber`, which keeps its text.
    """
    value = values.get(key)
    if type(value) is str:
        value = int(value) if len(value) <= 20 and _INTEGER.fullmatch(value) else None
    elif isinstance(value, float):
        if isinstance(value, WrittenNumber) and value.is_integer_text:
            return value
        value = int(value) if isfinite(value) else None
    # orjson cannot write larger integers.
    return value if type(value) is int and -(1 << 63) <= value < 1 << 64 else None


def obj(values: Mapping[str, Any], key: str) -> dict[str, Any] | None:
    """Return an object, or None if it is absent. Raises RejectedMessage for another type."""
    value = values.get(key)
    if value is None or type(value) is dict:
        return value
    raise RejectedMessage(RejectReason.WRONG_TYPE, f"{key} must be an object")


_LOWER = {ord(upper): ord(upper.lower()) for upper in string.ascii_uppercase} | {ord("-"): "_"}


def wire_name(key: str) -> str:
    """Return the payload's name of a message's member; only ASCII letters are lowered."""
    return key.translate(_LOWER)


def normalised(value: dict[str, Any]) -> dict[str, Any]:
    """Return an object with the keys that Kazoo sends: `Caller-ID-Name` becomes `caller_id_name`.

    Nulls are removed from objects at every level, and kept in lists.
    """
    return {
        wire_name(key): _normalised(member) for key, member in value.items() if member is not None
    }


def _normalised(value: Any) -> Any:
    if isinstance(value, dict):
        return normalised(value)
    if isinstance(value, list):
        return [_normalised(item) for item in value]
    return value
