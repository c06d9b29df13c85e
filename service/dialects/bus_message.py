"""A message as the switch would publish it, and the occasion of it."""

import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

GREGORIAN_OFFSET_S = 62_167_219_200
"""Seconds from the year 0 to 1970: Kazoo's timestamps count from the former."""


@dataclass(frozen=True, slots=True)
class Occasion:
    """Whose event it is, of which call, at what time (unix seconds), and the message's own id."""

    account_id: str
    call_id: str
    at: float
    message_id: str

    @classmethod
    def now(cls, account_id: str, call_id: str) -> "Occasion":
        """Return an occasion of this moment; no two of them make the same event."""
        return cls(account_id, call_id, time.time(), uuid.uuid4().hex)

    @property
    def timestamp(self) -> int:
        """The time as Kazoo writes it: gregorian seconds."""
        return int(self.at) + GREGORIAN_OFFSET_S


@dataclass(frozen=True, slots=True)
class BusMessage:
    """Where a message is published, and what it says."""

    exchange: str
    exchange_type: str
    routing_key: str
    body: Mapping[str, Any]
    headers: Mapping[str, str]
