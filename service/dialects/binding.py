"""What a source needs bound to our queue."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Binding:
    """An exchange of the switch and the routing keys of it that we want.

    The exchange must be declared exactly as the switch declares it: anything else is refused with
    406, to us or, worse, to the switch. All exchanges known so far are neither durable nor
    auto-deleted and take no arguments.
    """

    exchange: str
    exchange_type: str
    routing_keys: tuple[str, ...]
