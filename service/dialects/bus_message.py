"""Message as a switch would publish it, and the occasion that fills it."""

import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Occasion:
    """Account, call, time (unix seconds) and message id of an event to be published."""

    account_id: str
    call_id: str
    at: float
    message_id: str

    @classmethod
    def now(cls, account_id: str, call_id: str) -> "Occasion":
        """Return an occasion of this moment, with a unique message id and thus a unique event."""
        return cls(account_id, call_id, time.time(), uuid.uuid4().hex)


@dataclass(frozen=True, slots=True)
class BusMessage:
    """A message with its exchange, routing key and properties.

    `timestamp` is the AMQP property in the switch's own unit; None leaves it out.
    """

    exchange: str
    exchange_type: str
    routing_key: str
    body: Mapping[str, Any]
    headers: Mapping[str, str]
    timestamp: int | None = None
    durable: bool = False
    """Whether the switch declares the exchange as durable."""
