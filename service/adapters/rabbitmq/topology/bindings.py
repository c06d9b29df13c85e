"""Bindings of the event queue to the switch's exchanges: a loop that binds again and again.

The exchanges belong to the switch. A restart of the broker deletes those that are not durable, with
our bindings, until the switch or this loop declares them again. The loop uses temporary channels,
because the broker closes the channel of a refused operation.
"""

import asyncio
from collections.abc import Sequence

import structlog
from aio_pika import ExchangeType
from aio_pika.abc import AbstractChannel, AbstractConnection
from aiormq.exceptions import (
    ChannelAccessRefused,
    ChannelNotFoundEntity,
    ChannelPreconditionFailed,
)

from service.adapters.rabbitmq.topology.partitions import Partitions
from service.cancellation import honour_cancellation
from service.dialects.binding import Binding
from service.observability.metrics import Metrics

UNTIL_BOUND_S = 0.5
REPEAT_S = 30.0
"""A repeated bind is idempotent, and restores the binding of an exchange that was recreated."""

NOT_PERMITTED = "not permitted"
PERMIT = "permit the broker's user to read it; switchhook check prints the command"

log = structlog.get_logger(__name__)


class Bindings:
    """Keeps `queue`, or the entries of its partitions, bound to the exchanges of all sources.

    A binding may name a queue of its own.
    """

    def __init__(
        self,
        queue: str,
        bindings: Sequence[Binding],
        metrics: Metrics,
        *,
        may_declare: bool,
        repeat_s: float = REPEAT_S,
        partitions: Partitions | None = None,
    ) -> None:
        self._queue = queue
        self._bindings = bindings
        self._metrics = metrics
        self._may_declare = may_declare
        self._repeat_s = repeat_s
        self._partitions = partitions if partitions and partitions.count > 1 else None
        self._bound = {binding.exchange: False for binding in bindings}
        self._reported: dict[str, str] = {}

    @property
    def bound(self) -> bool:
        """Whether the last bind succeeded for every exchange."""
        return all(self._bound.values())

    @property
    def missing(self) -> tuple[str, ...]:
        """Exchanges that our queue is not bound to."""
        return tuple(exchange for exchange, bound in self._bound.items() if not bound)

    async def bind(self, connection: AbstractConnection) -> None:
        """Bind to every existing exchange, concurrently: a start must be quick."""
        binding = (self._bind(connection, one) for one in self._bindings)
        problems = await asyncio.gather(*binding)
        honour_cancellation()
        for one, problem in zip(self._bindings, problems, strict=True):
            self._note(one, problem)

    async def keep(self, connection: AbstractConnection) -> None:
        """Bind repeatedly, until cancelled or the connection is lost."""
        while True:
            await asyncio.sleep(self._repeat_s if self.bound else UNTIL_BOUND_S)
            await self.bind(connection)

    async def _bind(self, connection: AbstractConnection, binding: Binding) -> str | None:
        """Bind to one exchange; return the problem, or None."""
        if self._may_declare:
            await self._declare(connection, binding)
        channel = await connection.channel()
        try:
            await self._bind_on(channel, binding)
        except ChannelNotFoundEntity:
            return "the exchange does not exist yet; the switch declares it when it starts"
        except ChannelAccessRefused as error:
            return f"{NOT_PERMITTED}: {error}"
        finally:
            await channel.close()
        return None

    async def _bind_on(self, channel: AbstractChannel, binding: Binding) -> None:
        queue = await channel.get_queue(binding.queue or self._queue, ensure=False)
        if self._partitions is None or binding.queue:
            for routing_key in binding.routing_keys:
                await queue.bind(binding.exchange, routing_key)
            return
        name = self._partitions.entry(binding.call_header)
        entry = await channel.get_exchange(name, ensure=False)
        for routing_key in binding.routing_keys:
            await entry.bind(binding.exchange, routing_key)
            # Left by workers without partitions, or restored by the broker's definitions.
            await queue.unbind(binding.exchange, routing_key)

    async def _declare(self, connection: AbstractConnection, binding: Binding) -> None:
        """Declare the exchange as the switch does, so that neither must start before the other."""
        channel = await connection.channel()
        try:
            await channel.declare_exchange(
                binding.exchange, ExchangeType(binding.exchange_type), durable=binding.durable
            )
        except ChannelAccessRefused:
            if self._may_declare:
                log.info("source.declare_not_permitted", note="waiting for the switch to declare")
            self._may_declare = False
        except ChannelPreconditionFailed as error:
            log.warning("source.declared_otherwise", exchange=binding.exchange, error=str(error))
        finally:
            await channel.close()

    def _note(self, binding: Binding, problem: str | None) -> None:
        exchange = binding.exchange
        self._bound[exchange] = problem is None
        self._metrics.bound.labels(exchange).set(problem is None)
        said = problem or "bound"
        if self._reported.get(exchange) != said:
            self._reported[exchange] = said
            if problem is None:
                log.info("source.bound", exchange=exchange)
            elif said.startswith(NOT_PERMITTED):
                log.error("source.unbound", exchange=exchange, problem=said, remedy=PERMIT)
            else:
                log.warning("source.unbound", exchange=exchange, problem=said)
