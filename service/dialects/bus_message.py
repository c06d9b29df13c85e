"""A message as a switch would publish it, and the occasion of it."""

import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


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


@dataclass(frozen=True, slots=True)
class BusMessage:
    """Where and how a message is published, and what it says.

    `timestamp` is the AMQP property as the switch writes it, in whatever unit; None leaves it out.
    """

    exchange: str
    exchange_type: str
    routing_key: str
    body: Mapping[str, Any]
    headers: Mapping[str, str]
    timestamp: int | None = None
    durable: bool = False
    """Whether the switch declares the exchange as durable."""
