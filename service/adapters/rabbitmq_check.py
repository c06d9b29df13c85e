"""What an operator should know about the broker before the service starts."""

from collections.abc import AsyncIterator, Sequence

from aio_pika.abc import AbstractConnection
from aiormq.exceptions import (
    AuthenticationError,
    ChannelAccessRefused,
    ChannelNotFoundEntity,
    ProbableAuthenticationError,
)

from service.adapters.rabbitmq_link import BROKER_ERRORS, connect, describe
from service.adapters.rabbitmq_topology import Names, declare, permissions
from service.domain.errors import TopologyConflict
from service.domain.finding import Finding, fine, trouble, warning
from service.sources.binding import Binding

OLDEST_RABBITMQ = (3, 10)


async def examine_broker(
    url: str, names: Names, tiers_ms: Sequence[int], bindings: Sequence[Binding]
) -> AsyncIterator[Finding]:
    """Yield what is found: reachable, new enough, permitted, declared, the switch's exchanges."""
    try:
        connection = await connect(url, "check")
    except (AuthenticationError, ProbableAuthenticationError) as error:
        yield trouble("broker", f"refuses us: {describe(error)}", "check the user in amqp.url")
        return
    except BROKER_ERRORS as error:
        remedy = "is RabbitMQ running, and amqp.url right?"
        yield trouble("broker", f"cannot be reached: {describe(error)}", remedy)
        return
    try:
        yield _version(connection)
        yield await _topology(connection, names, tiers_ms, bindings)
        for binding in bindings:
            yield await _exchange(connection, binding)
    finally:
        await connection.close()


def _version(connection: AbstractConnection) -> Finding:
    transport = connection.transport
    properties = getattr(getattr(transport, "connection", None), "server_properties", {})
    text = str(properties.get("version", "unknown"))
    numbers = tuple(int(part) for part in text.split(".")[:2] if part.isdigit())
    if numbers and numbers < OLDEST_RABBITMQ:
        needed = ".".join(map(str, OLDEST_RABBITMQ))
        return trouble("broker", f"RabbitMQ {text} is too old", f"upgrade to {needed} or later")
    return fine("broker", f"RabbitMQ {text}")


async def _topology(
    connection: AbstractConnection,
    names: Names,
    tiers_ms: Sequence[int],
    bindings: Sequence[Binding],
) -> Finding:
    try:
        await declare(connection, names, tiers_ms)
    except TopologyConflict as error:
        return trouble("broker", str(error), "see the message")
    except ChannelAccessRefused as error:
        text = f"may not declare our queues: {describe(error)}"
        return trouble("broker", text, _grant(names, bindings))
    except BROKER_ERRORS as error:
        return trouble("broker", f"our queues: {describe(error)}", "see the broker's log")
    return fine("broker", f"queues {names.prefix}.* stand")


def _grant(names: Names, bindings: Sequence[Binding]) -> str:
    needed = permissions(names, bindings)
    expressions = f"'{needed.configure}' '{needed.write}' '{needed.read}'"
    return f"grant: rabbitmqctl set_permissions -p VHOST USER {expressions}"


async def _exchange(connection: AbstractConnection, binding: Binding) -> Finding:
    channel = await connection.channel()
    try:
        await channel.get_exchange(binding.exchange, ensure=True)
    except ChannelNotFoundEntity:
        remedy = "the switch declares it when it starts; until then nothing arrives"
        return warning("broker", f"exchange {binding.exchange} is missing", remedy)
    except BROKER_ERRORS as error:
        return warning("broker", f"exchange {binding.exchange}: {describe(error)}", "see above")
    finally:
        await channel.close()
    return fine("broker", f"exchange {binding.exchange} exists")
