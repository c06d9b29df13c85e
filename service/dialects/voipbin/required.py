"""Members that a message of VoIPBIN must have."""

from collections.abc import Mapping
from typing import Any

from service.domain.errors import RejectedMessage, RejectReason


def text(values: Mapping[str, Any], key: str) -> str:
    """Return a member that must be a string and not empty. Raises RejectedMessage."""
    value = values.get(key)
    if value is None or value == "":
        raise RejectedMessage(RejectReason.MISSING_FIELD, f"{key} is missing")
    if type(value) is not str:
        raise RejectedMessage(RejectReason.WRONG_TYPE, f"{key} must be a string")
    return value


def an_object(values: Mapping[str, Any], key: str) -> dict[str, Any]:
    """Return a member that must be an object. Raises RejectedMessage."""
    value = values.get(key)
    if value is None:
        raise RejectedMessage(RejectReason.MISSING_FIELD, f"{key} is missing")
    if type(value) is not dict:
        raise RejectedMessage(RejectReason.WRONG_TYPE, f"{key} must be an object")
    return value
