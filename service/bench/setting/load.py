"""Events for the measurements, published as the switch does, with confirms."""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import aio_pika
import orjson
from aiormq.abc import AbstractChannel as WireChannel
from pamqp.commands import Basic

from service.adapters.rabbitmq.bus import WrittenTimestamp
from service.adapters.rabbitmq.topology.queues import Names, declare, queues
from service.bench.setting.receiver import call_id_of
from service.dialects.bus_message import Occasion
from service.dialects.known import dialects_of
from service.domain.errors import SwitchhookError
from service.settings.model import Settings

HOOK = "channel_create"
AT_ONCE = 500
CONFIRM_TIMEOUT_S = 30
NAMES = Names(Settings().amqp.prefix)
TIERS_MS = Settings().retry.tiers_ms
QUEUE = NAMES.events
STAMP = WrittenTimestamp.of(63_877_497_874_651_078)
"""A switch's timestamp, which counts from the year 0."""

_sample = dialects_of(Settings()).hooks[HOOK].sample


def event_body(account_id: str, published_ns: int, number: int) -> bytes:
    """Return a call event that carries its time of publishing (monotonic nanoseconds)."""
    return orjson.dumps(call_event(account_id, call_id_of(published_ns, number)))


def call_event(account_id: str, call_id: str) -> Mapping[str, Any]:
    """Return the body of an event of a call, as the switch writes it."""
    return _sample(Occasion.now(account_id, call_id)).body


class EventsQueue:
    """The service's own queue of events, or its partitions: fill, inspect and empty them."""

    def __init__(self, channel: WireChannel, names: Names, partitions: int) -> None:
        self._channel = channel
        self._numbers = itertools.count()
        self._names = names
        self._partitions = partitions
        self._turns = itertools.cycle(names.event_queues(partitions))

    async def fill(self, accounts: Sequence[str], count: int) -> None:
        """Publish a backlog, of each account in turn; return once the broker has confirmed all."""
        owners = itertools.islice(itertools.cycle(accounts), count)
        while batch := list(itertools.islice(owners, AT_ONCE)):
            await asyncio.gather(*(self.publish(owner, time.monotonic_ns()) for owner in batch))
        await self._settled(count)

    async def publish(self, account_id: str, published_ns: int) -> None:
        """Publish an event that carries `published_ns`, and wait for the confirm."""
        await self.publish_body(event_body(account_id, published_ns, next(self._numbers)))

    async def publish_body(self, body: bytes) -> None:
        """Publish an event, and wait for the confirm."""
        await self._channel.basic_publish(
            body,
            routing_key=next(self._turns),
            properties=Basic.Properties(
                content_type="application/json",
                timestamp=STAMP,
            ),
            timeout=CONFIRM_TIMEOUT_S,
        )

    async def steadily(self, accounts: Sequence[str], per_s: float, seconds: float) -> int:
        """Publish at a fixed rate without waiting for confirms; return the number published.

        Each event carries the time at which it was due, so that late publishing shows in its age.
        """
        start_ns, count = time.monotonic_ns(), round(per_s * seconds)
        async with asyncio.TaskGroup() as tasks:
            for owner, due_ns in zip(itertools.cycle(accounts), _due(start_ns, per_s, count)):
                await asyncio.sleep(max(0.0, (due_ns - time.monotonic_ns()) / 1e9))
                tasks.create_task(self.publish(owner, due_ns))
        return count

    async def depth(self) -> int:
        """Return the number of messages that wait for a consumer."""
        queues_of_events = self._names.event_queues(self._partitions)
        found = [await self._channel.queue_declare(name, passive=True) for name in queues_of_events]
        return sum(ok.message_count or 0 for ok in found)

    async def empty(self) -> None:
        """Purge all our queues, tiers included; no consumer may be running."""
        for name in queues(self._names, TIERS_MS, self._partitions):
            await self._channel.queue_purge(name)

    async def _settled(self, count: int) -> None:
        found = await self.depth()
        if found < count:
            raise SwitchhookError(f"the queue holds {found} of {count} events published")


def _due(start_ns: int, per_s: float, count: int) -> Iterator[int]:
    return (start_ns + round(number * 1e9 / per_s) for number in range(count))


@asynccontextmanager
async def events_queue(
    amqp_url: str, names: Names = NAMES, partitions: int = 1
) -> AsyncIterator[EventsQueue]:
    """Yield the queue of a broker, declared as the service does."""
    connection = await aio_pika.connect(amqp_url)
    async with connection:
        await declare(connection, names, TIERS_MS, partitions)
        channel = await connection.channel(publisher_confirms=True)
        yield EventsQueue(await channel.get_underlay_channel(), names, partitions)
