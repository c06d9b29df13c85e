"""Trials of permissions on exchanges of a switch. None publishes a message that goes anywhere."""

from collections.abc import Awaitable, Callable, Mapping

from aio_pika import ExchangeType, Message
from aio_pika.abc import AbstractChannel, AbstractConnection
from aiormq.exceptions import (
    ChannelAccessRefused,
    ChannelNotFoundEntity,
    ChannelPreconditionFailed,
)

from service.adapters.rabbitmq.topology.permissions import DEFAULT_EXCHANGE, Action, Need
from service.adapters.rabbitmq.topology.queues import Names

NOBODY = "nobody"
"""Routing key that nothing is bound by."""


async def lacking(
    connection: AbstractConnection, names: Names, need: Need
) -> tuple[tuple[Action, str], ...]:
    """Return the permissions of a need that our user does not have."""
    return tuple([one for one in need.permissions if not await _permitted(connection, names, *one)])


async def _permitted(
    connection: AbstractConnection, names: Names, action: Action, exchange: str
) -> bool:
    channel = await connection.channel(publisher_confirms=True)
    try:
        await TRIALS[action](channel, names, exchange)
    except ChannelAccessRefused:
        return False
    except (ChannelNotFoundEntity, ChannelPreconditionFailed):
        # The broker looks at the permission first.
        return True
    finally:
        await channel.close()
    return True


async def _configure(channel: AbstractChannel, names: Names, exchange: str) -> None:  # noqa: ARG001
    """Declare the exchange as the service does when it needs it."""
    await channel.declare_exchange(exchange, ExchangeType.DIRECT)


async def _read(channel: AbstractChannel, names: Names, exchange: str) -> None:
    """Remove a binding that does not exist: that needs the same permissions as to bind."""
    ours = await channel.get_exchange(names.exchange, ensure=False)
    await ours.unbind(exchange, f"{names.prefix}.{NOBODY}")


async def _write(channel: AbstractChannel, names: Names, exchange: str) -> None:
    """Do the same in the other direction; to the default exchange, which has no bindings, publish.

    The routing key is the name of no queue.
    """
    nobody = f"{names.prefix}.{NOBODY}"
    if exchange == DEFAULT_EXCHANGE:
        await channel.default_exchange.publish(Message(b""), nobody, mandatory=False)
        return
    theirs = await channel.get_exchange(exchange, ensure=False)
    await theirs.unbind(names.exchange, nobody)


TRIALS: Mapping[Action, Callable[[AbstractChannel, Names, str], Awaitable[None]]] = {
    "configure": _configure,
    "read": _read,
    "write": _write,
}
