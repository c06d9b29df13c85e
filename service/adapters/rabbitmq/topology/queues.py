"""Our own queues and exchange on the broker.

    <prefix>                 direct exchange; everything of ours is routed through it
    <prefix>.events          what the switch says; bound to the switch's exchanges
    <prefix>.deliveries      what comes back from the tiers
    <prefix>.retry.<delay>   one per delay: nobody consumes; the TTL sends it on to deliveries
    <prefix>.dead            given-up deliveries on their way to the store
    <prefix>.rejected        messages nobody could read, or that kill their readers

Every queue is a quorum queue: the only kind that keeps the transient messages of a switch over a
restart, counts deliveries of a message, and confirms what it dead-letters.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from aio_pika import ExchangeType
from aio_pika.abc import AbstractChannel, AbstractConnection
from aiormq.exceptions import ChannelPreconditionFailed

from service.adapters.rabbitmq.diagnosis import needing
from service.domain.errors import TopologyConflict

DELIVERY_LIMIT = 20
"""How often a message may come back because its reader died, before it is taken for poison."""


@dataclass(frozen=True, slots=True)
class Names:
    """The names of our objects on the broker."""

    prefix: str

    @property
    def exchange(self) -> str:
        """The direct exchange; a queue's name is its routing key."""
        return self.prefix

    @property
    def events(self) -> str:
        """The queue of the event lane."""
        return f"{self.prefix}.events"

    @property
    def deliveries(self) -> str:
        """The queue of the delivery lane."""
        return f"{self.prefix}.deliveries"

    @property
    def dead(self) -> str:
        """The queue of given-up deliveries."""
        return f"{self.prefix}.dead"

    @property
    def rejected(self) -> str:
        """The queue of unreadable messages."""
        return f"{self.prefix}.rejected"

    def tier(self, delay_ms: int) -> str:
        """The queue of one delay, named by it: `retry.800ms`, `retry.5s`, `retry.2m`."""
        return f"{self.prefix}.retry.{_delay(delay_ms)}"


def _delay(delay_ms: int) -> str:
    for unit, length_ms in (("h", 3_600_000), ("m", 60_000), ("s", 1000)):
        if delay_ms % length_ms == 0:
            return f"{delay_ms // length_ms}{unit}"
    return f"{delay_ms}ms"


QUORUM = {"x-queue-type": "quorum"}


def queues(names: Names, tiers_ms: Sequence[int]) -> dict[str, dict[str, Any]]:
    """Return the arguments of every queue by its name."""
    # Dead letters are forwarded with confirms only under all of these together.
    forwarding = {
        "x-dead-letter-exchange": names.exchange,
        "x-dead-letter-strategy": "at-least-once",
        "x-overflow": "reject-publish",
    }
    # Never to a tier: the broker drops what would go round in a circle without being rejected.
    work = (
        QUORUM
        | forwarding
        | {
            "x-delivery-limit": DELIVERY_LIMIT,
            "x-dead-letter-routing-key": names.rejected,
        }
    )
    tiers = {
        names.tier(delay_ms): QUORUM
        | forwarding
        | {
            "x-message-ttl": delay_ms,
            "x-dead-letter-routing-key": names.deliveries,
        }
        for delay_ms in tiers_ms
    }
    return {
        names.rejected: QUORUM,
        names.dead: work,
        names.deliveries: work,
        names.events: work,
        **tiers,
    }  # fmt: skip


async def declare(connection: AbstractConnection, names: Names, tiers_ms: Sequence[int]) -> None:
    """Declare everything, which changes nothing where it exists.

    Raises TopologyConflict, naming the object and the argument, where it exists otherwise, and
    NotPermitted.
    """
    channel = await connection.channel()
    try:
        await _declare(channel, names, tiers_ms)
    except ChannelPreconditionFailed as error:
        raise TopologyConflict(
            f"{error}. It belongs to another installation or version: give this one another "
            "amqp.prefix, or move its messages and delete it.",
        ) from error
    finally:
        await channel.close()


async def _declare(channel: AbstractChannel, names: Names, tiers_ms: Sequence[int]) -> None:
    with needing(("exchange", "configure")):
        await channel.declare_exchange(names.exchange, ExchangeType.DIRECT, durable=True)
    for name, arguments in queues(names, tiers_ms).items():
        # A user without permission fails at the first queue, before anything is forwarded.
        forwards = "x-dead-letter-exchange" in arguments
        with needing(("queue", "read" if forwards else "configure"), ("exchange", "write")):
            queue = await channel.declare_queue(name, durable=True, arguments=arguments)
        with needing(("queue", "write"), ("exchange", "read")):
            await queue.bind(names.exchange, name)
