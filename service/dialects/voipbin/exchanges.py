"""The exchanges that VoIPBIN publishes events on.

All are durable, and must be declared so: its services die of any other declaration.
"""

from service.dialects.binding import Binding
from service.dialects.voipbin.kinds import Kind
from service.dialects.voipbin.policy import Tap

TOPIC = "bin-manager.webhook-manager.event.topic"
CUSTOMER_EVENTS = Binding(TOPIC, "topic", ("customer_id.#",), durable=True)
"""Every event is published with a customer's key. The copies with an agent's key are not wanted."""


def fanout(publisher: str) -> Binding:
    """Return the exchange of all that a service publishes."""
    return Binding(f"bin-manager.{publisher}.event", "fanout", ("",), durable=True)


def bindings(kind: Kind, taps: tuple[Tap, ...]) -> tuple[Binding, ...]:
    """Return what brings the events of a kind through the taps that are on."""
    on = [tap for tap in kind.taps if tap in taps]
    return tuple(CUSTOMER_EVENTS if tap == "topic" else fanout(kind.publisher) for tap in on)
