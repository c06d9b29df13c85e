"""Every hook there is: the single source of what can be subscribed to."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from service.sources.kazoo import samples


@dataclass(frozen=True, slots=True)
class BusMessage:
    """A message as the switch would publish it."""

    exchange: str
    exchange_type: str
    routing_key: str
    body: Mapping[str, Any]
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Hook:
    """A kind of event one can subscribe to.

    `sample` makes the message that makes it fire, for an account and a call.
    """

    hook_id: str
    name: str
    description: str
    source: str
    sample: Callable[[str, str], BusMessage]


def _channel(event: str) -> Callable[[str, str], BusMessage]:
    def sample(account_id: str, call_id: str) -> BusMessage:
        body = samples.channel(event, account_id, call_id)
        key = f"call.{event}.{samples.encoded(call_id)}"
        return BusMessage("callevt", "topic", key, body, {"call-id": call_id})

    return sample


HOOKS: tuple[Hook, ...] = (
    Hook(
        "channel_create",
        "Channel Create",
        "A call leg starts: a phone dials, or is being rung.",
        "kazoo",
        _channel("CHANNEL_CREATE"),
    ),
    Hook(
        "channel_answer",
        "Channel Answer",
        "A call leg is answered: audio flows both ways.",
        "kazoo",
        _channel("CHANNEL_ANSWER"),
    ),
    Hook(
        "channel_bridge",
        "Channel Bridge",
        "Two call legs are connected to each other.",
        "kazoo",
        _channel("CHANNEL_BRIDGE"),
    ),
    Hook(
        "channel_destroy",
        "Channel Destroy",
        "A call leg ends; tells why, and how long it lasted.",
        "kazoo",
        _channel("CHANNEL_DESTROY"),
    ),
)
