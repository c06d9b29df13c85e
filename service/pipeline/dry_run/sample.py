"""Payloads that a receiver would get, for samples and documents; nothing is delivered."""

from typing import Any

import orjson

from service.dialects.bus_message import BusMessage, Occasion
from service.dialects.dialect import Dialect
from service.dialects.hook import Hook
from service.domain.event import Message
from service.domain.webhook import account_of

DOCUMENTED = Occasion(
    account_id="00000000000000000000000000000c03",
    call_id="NDlkNGI3.OTZlMDgz@10.26.0.58",
    at=1_710_278_674.0,
    message_id="9f7c1d2e3b4a5968",
)
"""The fixed occasion of the samples in documents and in the API."""


def sample_payload(dialect: Dialect, hook: Hook, occasion: Occasion = DOCUMENTED) -> dict[str, Any]:
    """Return the payload that a receiver gets for the hook's sample message."""
    return preview(dialect, hook.sample(occasion))[hook.hook_id]


def preview(dialect: Dialect, message: BusMessage) -> dict[str, dict[str, Any]]:
    """Return the payloads of a message's events by hook.

    Raises RejectedMessage if the message cannot be decoded.
    """
    body = orjson.dumps(message.body)
    wire = Message(dialect.name, message.exchange, message.routing_key, body)
    return {
        event.hook: dialect.requests.payload(event, account_of(event.account_id or ""))
        for event in dialect.decoder.decode(wire)
    }
