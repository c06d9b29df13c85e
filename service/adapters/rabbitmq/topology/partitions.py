"""Partitions of the event queue: all events of a call go to one of N queues.

    switch's exchange ──► <prefix>.partitions.<what is hashed> ──► <the same>.<N> ──► N queues

Both are consistent hash exchanges. The first, the entry, has one destination: the exchange of the
current number, whose destinations never change. To change the number, the new exchange is bound to
the entry and then the old one unbound. Each of both steps moves a call once or not at all, and at
each instant an event goes to exactly one queue.

The exchange hashes a header with the call's id where the switch sets one, else the routing key.
RabbitMQ hashes all messages without the header to one queue, hence an entry for each of the two.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractExchange, AbstractQueue

from service.adapters.rabbitmq.diagnosis import HASH, needing
from service.adapters.rabbitmq.topology.queues import Names, queue_exists
from service.dialects.binding import Binding
from service.domain.policy import MOST_PARTITIONS

SHARE = "1"
"""Routing key of a binding to a hash exchange: the weight of its destination."""
BY_KEY = ""
"""In place of a header: the routing key is hashed."""


@dataclass(frozen=True, slots=True)
class Partitions:
    """The number of partitions, and the headers that are hashed."""

    names: Names
    count: int
    bindings: tuple[Binding, ...]

    @property
    def queues(self) -> tuple[str, ...]:
        """Queues that new events go to."""
        return self.names.event_queues(self.count)

    @property
    def headers(self) -> tuple[str, ...]:
        """Headers that are hashed; BY_KEY is always among them."""
        return tuple(dict.fromkeys((BY_KEY, *(one.call_header for one in self.bindings))))

    def entry(self, header: str) -> str:
        """Exchange that is bound to the switch's exchanges, where there are partitions."""
        return f"{self.names.partitions}.{header or 'key'}"

    def spread(self, header: str, count: int) -> str:
        """Exchange that spreads events over so many queues; for 1, the name of the queue."""
        return self.names.events if count == 1 else f"{self.entry(header)}.{count}"

    @property
    def others(self) -> tuple[int, ...]:
        """All other numbers of partitions that there may be queues of; without 1."""
        return tuple(n for n in range(2, MOST_PARTITIONS + 1) if n != self.count)


def hash_arguments(header: str) -> dict[str, Any]:
    """Return the arguments of an exchange that hashes a header, or the routing key."""
    return {"hash-header": header} if header else {}


async def declare_partitions(connection: AbstractConnection, partitions: Partitions) -> None:
    """Declare the entries, and the exchanges that spread over our queues; idempotent.

    The queues exist. The broker closes the connection if it lacks the plug-in.
    """
    channel = await connection.channel()
    try:
        for header in partitions.headers:
            spread = partitions.spread(header, partitions.count)
            for exchange in (partitions.entry(header), spread):
                with needing(("exchange", "configure")):
                    await channel.declare_exchange(
                        exchange, HASH, durable=True, arguments=hash_arguments(header)
                    )
            for name in partitions.queues:
                with needing(("queue", "write"), ("exchange", "read")):
                    queue = await channel.get_queue(name, ensure=False)
                    await queue.bind(spread, SHARE)
    finally:
        await channel.close()


class Rerouting:
    """Moves new events from the queues of another number of partitions to ours.

    Only one process may do so at a time. Every step is idempotent: if the process dies, the
    next one begins again.
    """

    def __init__(self, connection: AbstractConnection, partitions: Partitions) -> None:
        self._connection = connection
        self._partitions = partitions

    async def old(self) -> tuple[int, ...]:
        """Return the other numbers of partitions that there are queues of; without 1."""
        first = [(n, self._partitions.names.event_queues(n)[0]) for n in self._partitions.others]
        return tuple([n for n, name in first if await queue_exists(self._connection, name)])

    async def route(self, old: Sequence[int], bind_switch: Callable[[], Awaitable[None]]) -> None:
        """Route new events to our queues; `bind_switch` binds the switch's exchanges for them.

        RabbitMQ puts a message into a queue once, by however many ways it comes. So the event queue
        may be reached through the entries and directly for a moment.
        """
        count = self._partitions.count
        if count == 1 or not old:
            await self._bind(1)
        if count == 1:
            await self._unbind(old)
            await bind_switch()
        else:
            await bind_switch()
            await self._bind(count)
            await self._unbind((1, *old))

    async def finish(self, old: Sequence[int]) -> None:
        """Delete the queues and exchanges of the old numbers, which are empty and unbound.

        The first queue of a number is deleted last: `old` recognises the number by it. For the same
        reason the entries go after all queues.
        """
        ours = self._partitions
        channel = await self._connection.channel()
        for count in old:
            for header in ours.headers:
                await channel.exchange_delete(ours.spread(header, count))
            for name in reversed(ours.names.event_queues(count)):
                await channel.queue_delete(name)
        if ours.count == 1:
            for header in reversed(ours.headers):
                await channel.exchange_delete(ours.entry(header))
        await channel.close()

    async def _bind(self, count: int) -> None:
        channel = await self._connection.channel()
        for header in self._partitions.headers:
            spread = await self._spread(channel, header, count)
            await spread.bind(self._partitions.entry(header), SHARE)
        await channel.close()

    async def _unbind(self, counts: Sequence[int]) -> None:
        channel = await self._connection.channel()
        for header in self._partitions.headers:
            for count in counts:
                spread = await self._spread(channel, header, count)
                await spread.unbind(self._partitions.entry(header), SHARE)
        await channel.close()

    async def _spread(
        self, channel: AbstractChannel, header: str, count: int
    ) -> AbstractExchange | AbstractQueue:
        name = self._partitions.spread(header, count)
        if count == 1:
            return await channel.get_queue(name, ensure=False)
        return await channel.get_exchange(name, ensure=False)
