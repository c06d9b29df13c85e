"""RabbitMQ's definitions in `deploy/rabbitmq`.

The broker imports them (`load_definitions`) before it accepts clients. So after a restart of the
broker the switch's exchanges, which are not durable, exist with our bindings before the first event
is published, and no event is missed.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from service.adapters.rabbitmq.diagnosis import HASH
from service.adapters.rabbitmq.topology.partitions import SHARE, Partitions, hash_arguments
from service.adapters.rabbitmq.topology.permissions import Permissions
from service.adapters.rabbitmq.topology.policies import HARMLESS, POLICY_PRIORITY
from service.adapters.rabbitmq.topology.queues import QUESTIONS, SWITCH_QUESTIONS, Names, queues
from service.dialects.binding import Binding
from service.dialects.dialect import Dialects
from service.dialects.known import dialects_of
from service.settings.model import Settings
from service.wiring.parts import partitions_of, permissions_of

VHOST = "/"
USER = "switchhook"
NO_PASSWORD = ""
"""With an empty hash no login succeeds: RabbitMQ accepts no password for it."""

Definition = dict[str, Any]


def own_broker(settings: Settings) -> str:
    """Return the definitions for a broker of our own: everything, including user and policies.

    The user has no password until `rabbitmqctl change_password` gives it one.
    """
    names, dialects = Names(settings.amqp.prefix), dialects_of(settings)
    asked = _asked(names, dialects)
    sources = (*dialects.bindings, *asked.values())
    partitions = partitions_of(settings, dialects)
    topology = queues(names, settings.retry.tiers_ms, partitions.count)
    return _text(
        {
            "vhosts": [{"name": VHOST}],
            "users": [_user()],
            "permissions": [_permission(permissions_of(settings, dialects))],
            "policies": list(_policies(names)),
            "exchanges": [
                _exchange(names.exchange, "direct", durable=True),
                *_hashing(partitions),
                *_switchs(sources),
            ],
            "queues": [
                *(_queue(name, arguments) for name, arguments in topology.items()),
                _queue(names.ask, QUESTIONS),
                *(_queue(name, SWITCH_QUESTIONS) for name in asked),
            ],
            "bindings": [
                *(_binding(names.exchange, name, name) for name in topology),
                *_bound_to_switch(partitions),
                *_spread(partitions),
                *_bound_to_questions(asked),
            ],
        }
    )


def switchs_broker(settings: Settings) -> str:
    """Return the additions to the switch's own broker: its exchanges, bound to our queue."""
    names, dialects = Names(settings.amqp.prefix), dialects_of(settings)
    partitions = partitions_of(settings, dialects)
    declared = queues(names, (), partitions.count)
    asked = _asked(names, dialects)
    return _text(
        {
            "exchanges": [
                *_hashing(partitions),
                *_switchs((*dialects.bindings, *asked.values())),
            ],
            "policies": list(_policies(names)),
            "queues": [
                *(_queue(name, declared[name]) for name in partitions.queues),
                *(_queue(name, SWITCH_QUESTIONS) for name in asked),
            ],
            "bindings": [
                *_bound_to_switch(partitions),
                *_spread(partitions),
                *_bound_to_questions(asked),
            ],
        }
    )


def _text(definitions: Mapping[str, Sequence[Definition]]) -> str:
    """Return the definitions as JSON, one object per line."""
    sections = (
        f'  "{name}": [\n' + ",\n".join(f"    {json.dumps(item)}" for item in items) + "\n  ]"
        for name, items in definitions.items()
    )
    return "{\n" + ",\n".join(sections) + "\n}\n"


def _user() -> Definition:
    algorithm = "rabbit_password_hashing_sha256"
    hashed = {"password_hash": NO_PASSWORD, "hashing_algorithm": algorithm}
    return {"name": USER, **hashed, "tags": []}


def _permission(needed: Permissions) -> Definition:
    return {
        "user": USER,
        "vhost": VHOST,
        "configure": needed.configure,
        "write": needed.write,
        "read": needed.read,
    }


def _policies(names: Names) -> Iterator[Definition]:
    """Yield the policies: unlike arguments they can change on a live queue. None loses messages."""
    yield _policy(names.prefix, rf"^{names.prefix}\.", POLICY_PRIORITY, HARMLESS)


def _policy(name: str, pattern: str, priority: int, definition: Definition) -> Definition:
    return {
        "vhost": VHOST,
        "name": name,
        "pattern": pattern,
        "apply-to": "queues",
        "priority": priority,
        "definition": definition,
    }


def _asked(names: Names, dialects: Dialects) -> dict[str, Binding]:
    """Return the binding of each queue with a switch's questions."""
    return {names.asked(source): one.binding for source, one in dialects.asked.items()}


def _bound_to_questions(asked: Mapping[str, Binding]) -> Iterator[Definition]:
    for queue, source in asked.items():
        for routing_key in source.routing_keys:
            yield _binding(source.exchange, queue, routing_key)


def _switchs(sources: Sequence[Binding]) -> Iterator[Definition]:
    return (
        _exchange(source.exchange, source.exchange_type, durable=source.durable)
        for source in sources
    )


def _exchange(
    name: str, kind: str, *, durable: bool, arguments: Definition | None = None
) -> Definition:
    flags = {"durable": durable, "auto_delete": False}
    return {"name": name, "vhost": VHOST, "type": kind, **flags, "arguments": arguments or {}}


def _hashing(partitions: Partitions) -> Iterator[Definition]:
    """Yield the exchanges of the partitions; none if there is one queue."""
    if partitions.count == 1:
        return
    for header in partitions.headers:
        for name in (partitions.entry(header), partitions.spread(header, partitions.count)):
            yield _exchange(name, HASH, durable=True, arguments=hash_arguments(header))


def _spread(partitions: Partitions) -> Iterator[Definition]:
    """Yield the bindings from the entries to the partitions; none if there is one queue."""
    if partitions.count == 1:
        return
    for header in partitions.headers:
        spread = partitions.spread(header, partitions.count)
        yield _binding(partitions.entry(header), spread, SHARE) | {"destination_type": "exchange"}
        for name in partitions.queues:
            yield _binding(spread, name, SHARE)


def _queue(name: str, arguments: Definition) -> Definition:
    flags = {"durable": True, "auto_delete": False}
    return {"name": name, "vhost": VHOST, **flags, "arguments": arguments}


def _bound_to_switch(partitions: Partitions) -> Iterator[Definition]:
    """Yield the bindings of the event queue, or of the entries, to the switch's exchanges."""
    for source in partitions.bindings:
        for routing_key in source.routing_keys:
            if partitions.count == 1:
                yield _binding(source.exchange, partitions.names.events, routing_key)
            else:
                entry = partitions.entry(source.call_header)
                yield _binding(source.exchange, entry, routing_key) | {
                    "destination_type": "exchange"
                }


def _binding(exchange: str, queue: str, routing_key: str) -> Definition:
    ends = {"source": exchange, "destination": queue, "destination_type": "queue"}
    return {**ends, "vhost": VHOST, "routing_key": routing_key, "arguments": {}}
