"""The exchanges that VoIPBIN publishes events on, their routing keys and their envelope.

All are durable, and must be declared so: its services die of any other declaration.
"""

from collections.abc import Mapping
from typing import Any

from service.dialects.binding import Binding
from service.dialects.voipbin.kinds import Kind
from service.dialects.voipbin.policy import Tap
from service.dialects.voipbin.resource import ZERO_UUID

TOPIC = "bin-manager.webhook-manager.event.topic"
CUSTOMER_EVENTS = Binding(TOPIC, "topic", ("customer_id.#",), durable=True)
"""Every event is published with a customer's key. The copies with an agent's key are not wanted."""
TALK = ("chat", "chatmessage", "chatparticipant")
"""Resources whose routing keys name the chat, under `talk`."""


def fanout(publisher: str) -> Binding:
    """Return the exchange of all that a service publishes."""
    return Binding(f"bin-manager.{publisher}.event", "fanout", ("",), durable=True)


def bindings(kind: Kind, taps: tuple[Tap, ...]) -> tuple[Binding, ...]:
    """Return what brings the events of a kind through the taps that are on."""
    converted = "topic" in kind.taps
    on = [tap for tap in kind.taps if tap in taps]
    found = (
        CUSTOMER_EVENTS if converted and tap != "fanout" else fanout(kind.publisher) for tap in on
    )
    return tuple(dict.fromkeys(found))


def envelope(name: str, publisher: str, data: Any) -> dict[str, Any]:
    """Return a message's members, in VoIPBIN's order."""
    content_type = "application/json"
    return {"type": name, "publisher": publisher, "data_type": content_type, "data": data}


def routing_keys(name: str, customer_id: str, data: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the keys on the topic exchange: the customer's, and the owner's where there is one.

    Webhook-manager also publishes chats with the key of each participant, which it asks for.
    """
    resource, about = name.partition("_")[0], data.get("id")
    if resource in TALK:
        resource, about = "talk", data.get("chat_id", about)
    rest = f"{resource}.{name}.{about or ZERO_UUID}"
    owner = data.get("owner_id")
    keys = (f"customer_id.{customer_id}.{rest}",)
    return keys if owner in (None, "", ZERO_UUID) else (*keys, f"agent_id.{owner}.{rest}")
