"""Upkeep of our own queues and exchange: declares them again after they were deleted.

A person deletes a queue, or a policy with `expires` does: a retry tier has no consumer, so the
broker counts it as unused. Only the next publish shows it: the broker returns it, or closes its
channel. The messages of a deleted queue are lost: the broker dead-letters none of them.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress

import structlog
from aio_pika.abc import AbstractConnection
from aiormq.exceptions import AMQPChannelError, ChannelAccessRefused, ChannelNotFoundEntity

from service.adapters.rabbitmq.diagnosis import NotPermitted
from service.adapters.rabbitmq.topology.partitions import Partitions, declare_partitions
from service.adapters.rabbitmq.topology.queues import Names, declare, queues
from service.cancellation import honour_cancellation
from service.domain.errors import TopologyConflict
from service.observability.metrics import Metrics

REPEAT_S = 30.0
PAUSE_S = 0.5
"""Least pause between two checks, however many publishes are returned."""
UNAVAILABLE = "start the broker's node that has it, or delete it; all other queues go on"
REMEDY = "messages in them are lost; switchhook check names a policy that deletes queues"

log = structlog.get_logger(__name__)


class Upkeep:
    """Declares our queues, our exchange and their bindings, at the start and when they vanish."""

    def __init__(
        self,
        names: Names,
        tiers_ms: Sequence[int],
        metrics: Metrics,
        repeat_s: float = REPEAT_S,
        partitions: Partitions | None = None,
    ) -> None:
        self._names = names
        self._tiers_ms = tiers_ms
        self._partitions = partitions if partitions and partitions.count > 1 else None
        self._repeat_s = repeat_s
        self._broken = metrics.topology_broken
        self._restored = metrics.topology_restored
        self._declared = False
        self._wake = asyncio.Event()
        self._problem: str | None = None
        self._unavailable: dict[str, str] = {}

    @property
    def problem(self) -> str | None:
        """Missing or undeclarable objects, and queues that cannot be had; None if there is none."""
        own = [] if self._problem is None else [self._problem]
        return "; ".join([*own, *self._unavailable.values()]) or None

    @property
    def _count(self) -> int:
        return 1 if self._partitions is None else self._partitions.count

    def look_now(self) -> None:
        """Make `keep` check at once: a publish was returned, or the broker closed its channel."""
        self._wake.set()

    async def keep(self, connection: AbstractConnection) -> None:
        """Check periodically, and after `look_now`, until cancelled or the connection is lost."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._repeat_s):
                    await self._wake.wait()
            honour_cancellation()
            self._wake.clear()
            await self._look(connection)
            await asyncio.sleep(min(PAUSE_S, self._repeat_s))

    async def _look(self, connection: AbstractConnection) -> None:
        """Declare everything; if the broker refuses that, log it once and go on.

        The broker also refuses to declare a queue that has no leader just now; consuming the other
        queues goes on.
        """
        before = self._problem
        try:
            await self.declare(connection)
        except (AMQPChannelError, TopologyConflict, NotPermitted) as error:
            self._note(f"cannot be declared: {error}")
        if self._problem is not None and self._problem != before:
            remedy = "run switchhook check, which prints the remedy"
            log.error("topology.broken", error=self._problem, remedy=remedy)

    async def declare(self, connection: AbstractConnection) -> None:
        """Declare everything, and log what was deleted since the last declaration.

        Raises TopologyConflict and NotPermitted.
        """
        missing = await self._missing(connection) if self._declared else []
        if missing:
            self._note(f"missing: {', '.join(missing)}")
        await declare(connection, self._names, self._tiers_ms, self._count)
        if self._partitions is not None:
            await declare_partitions(connection, self._partitions)
        self._declared = True
        self._note(None)
        if missing:
            self._restored.inc(len(missing))
            log.error("topology.restored", objects=missing, remedy=REMEDY)

    async def _missing(self, connection: AbstractConnection) -> list[str]:
        """Return the names of the missing exchange and queues."""
        wanted = [(self._names.exchange, False)]
        wanted += [(name, True) for name in queues(self._names, self._tiers_ms, self._count)]
        return [
            name
            for name, is_queue in wanted
            if not await self._exists(connection, name, is_queue=is_queue)
        ]

    async def _exists(self, connection: AbstractConnection, name: str, *, is_queue: bool) -> bool:
        """Check on a separate channel, because the broker closes it if the object is missing."""
        channel = await connection.channel(publisher_confirms=False)
        try:
            if is_queue:
                await channel.declare_queue(name, passive=True)
            else:
                await channel.get_exchange(name, ensure=True)
        except ChannelNotFoundEntity:
            return False
        except ChannelAccessRefused:
            return True  # later versions of RabbitMQ refuse the check to some users
        finally:
            await channel.close()
        return True

    def note_unavailable(self, queue: str, error: str | None) -> None:
        """Note why a queue of requests cannot be had, or that it is consumed; logs a change."""
        before = self._unavailable.pop(queue, None)
        if error is not None:
            problem = self._unavailable[queue] = f"{queue} cannot be consumed: {error}"
            if problem != before:
                log.error("requests.unavailable", queue=queue, error=error, remedy=UNAVAILABLE)
        elif before is not None:
            log.info("requests.available", queue=queue)
        self._broken.set(self.problem is not None)

    def _note(self, problem: str | None) -> None:
        self._problem = problem
        self._broken.set(self.problem is not None)
