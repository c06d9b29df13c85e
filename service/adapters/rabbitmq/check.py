"""Checks of the broker for `switchhook check`: version, permissions, queues, exchanges, alarms."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Sequence

from aio_pika import Message
from aio_pika.abc import AbstractConnection
from aiormq.exceptions import ChannelAccessRefused, ChannelNotFoundEntity

from service.adapters.rabbitmq.diagnosis import (
    ALARM,
    ALARM_REMEDY,
    diagnosis_of,
    needing,
    too_old,
    version_of,
)
from service.adapters.rabbitmq.link import BROKER_ERRORS, close, connect
from service.adapters.rabbitmq.topology.partitions import Partitions, declare_partitions
from service.adapters.rabbitmq.topology.permissions import Action, Need, Permissions, also
from service.adapters.rabbitmq.topology.queues import Names, declare
from service.adapters.rabbitmq.trials import NOBODY, lacking
from service.dialects.binding import Binding
from service.domain.errors import BrokerUnavailable, TopologyConflict
from service.domain.finding import Finding, fine, trouble, warning

CONFIRM_TIMEOUT_S = 3.0


async def examine_broker(
    url: str,
    tiers_ms: Sequence[int],
    partitions: Partitions,
    needed: Permissions,
    needs: Sequence[Need] = (),
) -> AsyncIterator[Finding]:
    """Yield findings: connection, version, permissions, queues, the switch's exchanges, alarms.

    `needed` are the permissions without which nothing works, `needs` those of single uses.
    """
    names = partitions.names
    try:
        connection = await connect(url, "check")
    except BROKER_ERRORS as error:
        yield diagnosis_of(error, url, needed).found("broker")
        return
    version = version_of(connection)
    old = too_old(version)
    try:
        yield old.found("broker") if old else fine("broker", f"RabbitMQ {version}")
        if old:
            return
        finding = await _topology(connection, url, tiers_ms, partitions, needed)
        yield finding
        if finding.fatal:
            return
        for binding in partitions.bindings:
            yield await _exchange(connection, url, names, binding, needed)
        # With an alarm, no publish is confirmed.
        alarm = await _alarm(url, names, needed)
        if alarm:
            yield alarm
            return
        for need in needs:
            missing = await lacking(connection, names, need)
            if missing:
                yield _not_permitted(need, missing)
    finally:
        await connection.close()


async def _topology(
    connection: AbstractConnection,
    url: str,
    tiers_ms: Sequence[int],
    partitions: Partitions,
    needed: Permissions,
) -> Finding:
    names = partitions.names
    try:
        await declare(connection, names, tiers_ms, partitions.count)
        if partitions.count > 1:
            await declare_partitions(connection, partitions)
    except TopologyConflict as error:
        return trouble("broker", str(error), "see the message")
    except (*BROKER_ERRORS, BrokerUnavailable) as error:
        return diagnosis_of(error, url, needed).found("broker")
    return fine("broker", f"queues {names.prefix}.* exist")


async def _exchange(
    connection: AbstractConnection, url: str, names: Names, binding: Binding, needed: Permissions
) -> Finding:
    """Bind an exclusive, auto-delete queue: binding needs the permission to read the exchange."""
    channel = await connection.channel()
    name = f"{names.prefix}.check-{secrets.token_hex(4)}"
    try:
        queue = await channel.declare_queue(name, exclusive=True, auto_delete=True)
        with needing(("queue", "write"), ("exchange", "read")):
            await queue.bind(binding.exchange, binding.routing_keys[0])
        await queue.delete(if_unused=False, if_empty=False)
    except ChannelNotFoundEntity:
        remedy = "the switch declares it when it starts; until then nothing arrives"
        return warning("broker", f"exchange {binding.exchange} is missing", remedy)
    except (*BROKER_ERRORS, BrokerUnavailable, ChannelAccessRefused) as error:
        return diagnosis_of(error, url, needed).found("broker")
    finally:
        await channel.close()
    return fine("broker", f"exchange {binding.exchange} exists")


def _not_permitted(need: Need, missing: Sequence[tuple[Action, str]]) -> Finding:
    """Return the finding of a use whose permissions are missing: what is lost, and what helps."""
    listed = (
        f"write to {name}" if action == "write" else f"{action} {name}" for action, name in missing
    )
    text = f"may not {', '.join(listed)}: {need.lost}"
    names: dict[Action, list[str]] = {}
    for action, name in missing:
        names.setdefault(action, []).append(name)
    more = ", ".join(f"{action} {also('', those)}" for action, those in names.items())
    remedy = f"add to the user's permissions: {more}"
    if need.wanted:
        return trouble("broker", text, remedy)
    return warning("broker", text, f"where you need it, {remedy}")


async def _alarm(url: str, names: Names, needed: Permissions) -> Finding | None:
    """Publish to no queue, over a connection of its own: an alarm blocks publishing connections."""
    connection = await connect(url, "check publishing")
    try:
        channel = await connection.channel(publisher_confirms=True)
        exchange = await channel.get_exchange(names.exchange, ensure=False)
        async with asyncio.timeout(CONFIRM_TIMEOUT_S):
            # The broker takes us for a publishing connection only after the first publish.
            for _ in range(2):
                await exchange.publish(Message(b""), NOBODY, mandatory=False)
    except TimeoutError:
        return trouble("broker", f"has {ALARM}", ALARM_REMEDY)
    except BROKER_ERRORS as error:
        return diagnosis_of(error, url, needed).found("broker")
    finally:
        # The broker does not read a blocked connection, so it would not see the close.
        await close(connection)
    return None
