"""Bindings of a switch's exchanges to our event queue."""

from collections.abc import Iterable
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Binding:
    """An exchange of the switch, and its routing keys to bind.

    The exchange must be declared exactly as the switch declares it. Otherwise the broker refuses
    the later declaration with 406, which may be the switch's. No exchange known so far is
    auto-deleted or takes arguments.
    """

    exchange: str
    exchange_type: str
    routing_keys: tuple[str, ...]
    durable: bool = False
    queue: str = ""
    """The queue that is bound; empty means that of events."""
    call_header: str = ""
    """Header of each message with the id of its call; empty if the messages have none."""


def merged(bindings: Iterable[Binding]) -> tuple[Binding, ...]:
    """Return one binding per exchange with its distinct keys, in the given order."""
    found: dict[str, Binding] = {}
    for one in bindings:
        known = found.get(one.exchange)
        keys = one.routing_keys if known is None else (*known.routing_keys, *one.routing_keys)
        found[one.exchange] = replace(one, routing_keys=tuple(dict.fromkeys(keys)))
    return tuple(found.values())
