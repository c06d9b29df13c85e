"""Kazoo's JSON values, read the way Kazoo reads them: liberally, and empty counts as missing."""

import re
import string
from collections.abc import Mapping
from math import isfinite
from typing import Any

from service.domain.errors import RejectedMessage, RejectReason
from service.text.json_text import WrittenNumber

_INTEGER = re.compile(r"[+-]?[0-9]+")


def text(values: Mapping[str, Any], key: str) -> str | None:
    """Return a string; numbers and booleans become text, anything empty or nested is None."""
    value = values.get(key)
    if type(value) is str:
        return value or None
    if value is True or value is False:
        return str(value).lower()
    return str(value) if isinstance(value, int | float) else None


def required_text(values: Mapping[str, Any], key: str) -> str:
    """Return a string that must be there. Raises RejectedMessage."""
    value = values.get(key)
    if value is None or value == "":
        raise RejectedMessage(RejectReason.MISSING_FIELD, f"{key} is missing")
    if type(value) is not str:
        raise RejectedMessage(RejectReason.WRONG_TYPE, f"{key} must be a string")
    return value


def flag(values: Mapping[str, Any], key: str) -> bool:
    """Return whether a value is true, be it JSON's or the string."""
    value = values.get(key)
    return value is True or (type(value) is str and value.lower() == "true")


def integer(values: Mapping[str, Any], key: str) -> int | WrittenNumber | None:
    """Return an integer, from a number or a numeric string; None for anything else.

    A number beyond 64 bits is returned as it was written.
    """
    value = values.get(key)
    if type(value) is str:
        value = int(value) if len(value) <= 20 and _INTEGER.fullmatch(value) else None
    elif isinstance(value, float):
        if isinstance(value, WrittenNumber) and value.is_integer_text:
            return value
        value = int(value) if isfinite(value) else None
    # orjson writes no larger ones.
    return value if type(value) is int and -(1 << 63) <= value < 1 << 64 else None


def obj(values: Mapping[str, Any], key: str) -> dict[str, Any] | None:
    """Return an object, or None where there is none. Raises RejectedMessage for another type."""
    value = values.get(key)
    if value is None or type(value) is dict:
        return value
    raise RejectedMessage(RejectReason.WRONG_TYPE, f"{key} must be an object")


_LOWER = {ord(upper): ord(upper.lower()) for upper in string.ascii_uppercase} | {ord("-"): "_"}


def wire_name(key: str) -> str:
    """Return what a member of a message is called in a payload; only ASCII letters are lowered."""
    return key.translate(_LOWER)


def normalised(value: dict[str, Any]) -> dict[str, Any]:
    """Return an object with its keys as Kazoo sends them on: `Caller-ID-Name` is `caller_id_name`.

    Null members go from objects, at every level, and stay in lists.
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
