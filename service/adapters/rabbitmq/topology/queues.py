"""The service's own queues and exchange on the broker.

    <prefix>                 direct exchange that routes all messages of our own
    <prefix>.events          events of the switch; bound to the switch's exchanges
    <prefix>.events.<i>-of-<n>   events of partition i instead; see `topology.partitions`
    <prefix>.deliveries      retries and deferrals that come back from the tiers
    <prefix>.retry.<delay>   tier, one per delay: no consumer; TTL dead-letters to deliveries
    <prefix>.dead            dead letters on their way to the store
    <prefix>.ask             questions of calls
    <prefix>.ask-<source>    questions that a switch asks over its own bus, where that is set
    <prefix>.rejected        unreadable messages, and poison that kills its consumers
    <prefix>.live.<id>       one worker's own, for live streams; see `rabbitmq.live`

Every queue but the last is a quorum queue: the only kind that keeps the transient messages of a
switch over a restart, counts deliveries of a message, and dead-letters with confirms.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aio_pika import ExchangeType
from aio_pika.abc import AbstractChannel, AbstractConnection
from aiormq.exceptions import ChannelNotFoundEntity, ChannelPreconditionFailed

from service.adapters.rabbitmq.diagnosis import needing
from service.domain.errors import TopologyConflict

DELIVERY_LIMIT = 20
"""Redeliveries of a message after its consumer died, before the broker takes it for poison."""


@dataclass(frozen=True, slots=True)
class Names:
    """Names of our objects on the broker."""

    prefix: str

    @property
    def exchange(self) -> str:
        """Direct exchange; a queue's name is its routing key."""
        return self.prefix

    @property
    def events(self) -> str:
        """Queue of the event lane."""
        return f"{self.prefix}.events"

    def event_queues(self, partitions: int) -> tuple[str, ...]:
        """Queues that take new events; the number is in the names, so that a change is visible."""
        if partitions == 1:
            return (self.events,)
        return tuple(f"{self.events}.{i}-of-{partitions}" for i in range(partitions))

    @property
    def partitions(self) -> str:
        """Queue that marks the number of partitions, and the beginning of exchanges' names."""
        return f"{self.prefix}.partitions"

    @property
    def deliveries(self) -> str:
        """Queue of the delivery lane."""
        return f"{self.prefix}.deliveries"

    @property
    def dead(self) -> str:
        """Queue of dead letters."""
        return f"{self.prefix}.dead"

    @property
    def rejected(self) -> str:
        """Queue of rejected messages."""
        return f"{self.prefix}.rejected"

    @property
    def ask(self) -> str:
        """Queue of questions of calls."""
        return f"{self.prefix}.ask"

    def asked(self, source: str) -> str:
        """Queue of the questions that a switch asks over its own bus."""
        return f"{self.ask}-{source}"

    @property
    def live(self) -> str:
        """Exchange of live streams, and the beginning of the names of their queues."""
        return f"{self.prefix}.live"

    def tier(self, delay_ms: int) -> str:
        """Queue of one delay, named after it: `retry.800ms`, `retry.5s`, `retry.2m`."""
        return f"{self.prefix}.retry.{_delay(delay_ms)}"


def _delay(delay_ms: int) -> str:
    for unit, length_ms in (("h", 3_600_000), ("m", 60_000), ("s", 1000)):
        if delay_ms % length_ms == 0:
            return f"{delay_ms // length_ms}{unit}"
    return f"{delay_ms}ms"


QUORUM = {"x-queue-type": "quorum"}
ONE_AT_A_TIME = {"x-single-active-consumer": True, "x-queue-leader-locator": "balanced"}
"""Arguments of a partition: one worker at a time takes its events, and leaders are spread."""
QUESTIONS = QUORUM | {"x-message-ttl": 30_000}
"""Arguments of the queue of questions. One that waited for so long is not asked any more."""
SWITCH_QUESTIONS = QUORUM | {"x-message-ttl": 2_000, "x-expires": 600_000}
"""Arguments of the queue of a switch's questions. Without a consumer it is deleted in the end, and
with it the binding: the switch's own app has them to itself again."""


def queues(names: Names, tiers_ms: Sequence[int], partitions: int = 1) -> dict[str, dict[str, Any]]:
    """Return the arguments of every queue by its name."""
    # RabbitMQ dead-letters with confirms only if all of these are set.
    forwarding = {
        "x-dead-letter-exchange": names.exchange,
        "x-dead-letter-strategy": "at-least-once",
        "x-overflow": "reject-publish",
    }
    # Never to a tier: the broker drops a message in a dead-letter cycle without a rejection.
    work = (
        QUORUM
        | forwarding
        | {
            "x-delivery-limit": DELIVERY_LIMIT,
            "x-dead-letter-routing-key": names.rejected,
        }
    )
    partitioned = {
        name: work | ONE_AT_A_TIME for name in names.event_queues(partitions) if partitions > 1
    }
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
        **partitioned,
        **tiers,
    }  # fmt: skip


async def declare(
    connection: AbstractConnection, names: Names, tiers_ms: Sequence[int], partitions: int = 1
) -> None:
    """Declare the exchange, all queues and their bindings; idempotent.

    Raises TopologyConflict, naming the object and the argument, if one exists with other arguments,
    and NotPermitted.
    """
    channel = await connection.channel()
    try:
        await _declare(channel, queues(names, tiers_ms, partitions), names)
    except ChannelPreconditionFailed as error:
        raise TopologyConflict(
            f"{error}. It belongs to another installation or version: give this one another "
            "amqp.prefix, or move its messages and delete it.",
        ) from error
    finally:
        await channel.close()


async def _declare(
    channel: AbstractChannel, wanted: Mapping[str, Mapping[str, Any]], names: Names
) -> None:
    with needing(("exchange", "configure")):
        await channel.declare_exchange(names.exchange, ExchangeType.DIRECT, durable=True)
    for name, arguments in wanted.items():
        # A user that may not configure queues fails at the first one, which has no dead-letter
        # exchange. For queues that have one, the missing permission is read on the queue.
        forwards = "x-dead-letter-exchange" in arguments
        with needing(("queue", "read" if forwards else "configure"), ("exchange", "write")):
            queue = await channel.declare_queue(name, durable=True, arguments=dict(arguments))
        with needing(("queue", "write"), ("exchange", "read")):
            await queue.bind(names.exchange, name)


async def declare_apart(
    connection: AbstractConnection, name: str, arguments: Mapping[str, Any]
) -> None:
    """Declare a durable queue of requests, unless it exists in whatever form.

    Requests come from other services, and one of those may own the queue. Raises NotPermitted.
    """
    if await queue_exists(connection, name):
        return
    channel = await connection.channel()
    try:
        with needing(("queue", "configure")):
            await channel.declare_queue(name, durable=True, arguments=dict(arguments))
    finally:
        await channel.close()


async def queue_exists(connection: AbstractConnection, name: str) -> bool:
    """Return whether a queue exists; the broker logs an error where it does not."""
    channel = await connection.channel()
    try:
        await channel.declare_queue(name, passive=True)
    except ChannelNotFoundEntity:
        return False
    finally:
        await channel.close()
    return True
