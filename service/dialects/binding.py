"""The bindings of our queue to the exchanges of a switch."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Binding:
    """An exchange of the switch and the routing keys of it that we want.

    The exchange must be declared exactly as the switch declares it: the broker refuses anything
    else with 406, to us or, worse, to the switch. No exchange known so far is auto-deleted or takes
    arguments.
    """

    exchange: str
    exchange_type: str
    routing_keys: tuple[str, ...]
    durable: bool = False


def merged(bindings: Iterable[Binding]) -> tuple[Binding, ...]:
    """Return one binding for each exchange, with every key once, in the order given."""
    found: dict[str, Binding] = {}
    for one in bindings:
        known = found.get(one.exchange)
        keys = one.routing_keys if known is None else (*known.routing_keys, *one.routing_keys)
        unique = tuple(dict.fromkeys(keys))
        found[one.exchange] = Binding(one.exchange, one.exchange_type, unique, one.durable)
    return tuple(found.values())
