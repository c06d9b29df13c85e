"""What a receiver would get for a message, without a delivery: for samples and documents."""

from typing import Any

import orjson

from service.dialects.bus_message import BusMessage
from service.domain.event import Message
from service.domain.webhook import account_of
from service.pipeline.build import payload_of
from service.ports import Decoder


def preview(decoder: Decoder, source: str, message: BusMessage) -> dict[str, dict[str, Any]]:
    """Return the payload of the message's event for each hook that it makes fire.

    Raises RejectedMessage where the message cannot be understood.
    """
    body = orjson.dumps(message.body)
    events = decoder.decode(Message(source, message.exchange, message.routing_key, body))
    return {
        event.hook: payload_of(event, account_of(event.account_id or "", reseller_id=None))
        for event in events
    }
