"""Messages as VoIPBIN publishes them, one for each hook, for demonstrations and documents."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from service.dialects.bus_message import BusMessage, Occasion
from service.dialects.voipbin.exchanges import (
    CUSTOMER_EVENTS,
    TOPIC,
    bindings,
    envelope,
    fanout,
    routing_keys,
)
from service.dialects.voipbin.kinds import Kind
from service.dialects.voipbin.policy import Tap
from service.dialects.voipbin.resource import RESOURCES, ZERO_UUID, Member

CALLER = {"type": "tel", "target": "+15550001111"}
CALLED = {"type": "tel", "target": "+15550002222"}
ACTION = {"id": ZERO_UUID, "next_id": ZERO_UUID, "tm_execute": None}

TYPICAL: Mapping[str, Any] = {
    "action": ACTION,
    "content": "How can I help you?",
    "current_action": ACTION,
    "destination": CALLED,
    "destinations": [CALLED],
    "hangup_by": "remote",
    "hangup_reason": "normal",
    "language": "en-US",
    "message": "I would like to pay my bill",
    "name": "main",
    "number": "+15550002222",
    "peer": CALLER,
    "reference_type": "call",
    "role": "assistant",
    "self": CALLED,
    "sequence": 1,
    "source": CALLER,
    "text": "Your table is booked & paid",
}
DIRECTIONS: Mapping[str, str] = {
    "call": "incoming", "message": "inbound", "speech": "in", "transcribe": "both",
    "transcript": "in",
}  # fmt: skip
EMPTY: Mapping[str, Any] = {
    "array": [], "boolean": False, "integer": 0, "object": {}, "string": "",
}  # fmt: skip


def sample_of(kind: Kind, taps: tuple[Tap, ...]) -> Callable[[Occasion], BusMessage]:
    """Return what publishes a message of a kind, to the better one of the taps that are on."""
    where = (*bindings(kind, taps), fanout(kind.publisher))[0]

    def sample(occasion: Occasion) -> BusMessage:
        data = _data(kind, occasion)
        if where is CUSTOMER_EVENTS:
            key = routing_keys(kind.type, occasion.account_id, data)[0]
            body = envelope(kind.type, "webhook-manager", data)
            return BusMessage(TOPIC, "topic", key, body, {}, durable=True)
        body = envelope(kind.type, kind.publisher, data)
        return BusMessage(where.exchange, where.exchange_type, "", body, {}, durable=True)

    return sample


def _data(kind: Kind, occasion: Occasion) -> dict[str, Any]:
    resource = RESOURCES.get(kind.resource)
    if resource is None:
        return {"id": occasion.call_id, "customer_id": occasion.account_id}
    shown = (member for member in resource.members if not member.secret)
    values = {member.name: _value(kind, member, occasion) for member in shown}
    optional = {member.name for member in resource.members if member.optional}
    return {name: value for name, value in values.items() if value or name not in optional}


def _value(kind: Kind, member: Member, occasion: Occasion) -> Any:
    told = {
        "id": occasion.call_id,
        kind.account_member: occasion.account_id,
        "direction": DIRECTIONS.get(kind.resource, ""),
        "status": kind.type.rpartition("_")[2],
        "tm_create": _time(occasion),
        "tm_update": _time(occasion),
    }
    if member.name in told:
        return told[member.name]
    if member.name.startswith("tm_"):
        return None
    empty = ZERO_UUID if member.name.endswith("_id") else EMPTY[member.json_type]
    typical = TYPICAL.get(member.name)
    return typical if type(typical) is type(empty) else empty


def _time(occasion: Occasion) -> str:
    at = datetime.fromtimestamp(occasion.at, UTC)
    # Go leaves the zeros at the end of a fraction out.
    fraction = f"{at.microsecond:06d}".rstrip("0")
    return f"{at:%Y-%m-%dT%H:%M:%S}{'.' if fraction else ''}{fraction}Z"
