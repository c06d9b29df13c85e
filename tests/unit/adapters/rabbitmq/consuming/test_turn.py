"""A turn with a partition ends when its task is cancelled, at whatever moment."""

import asyncio
from contextlib import suppress
from types import SimpleNamespace
from typing import cast

from aio_pika.abc import AbstractConnection
from aiormq.abc import AbstractChannel
from prometheus_client import CollectorRegistry

from service.adapters.rabbitmq.consuming.acks import Acks
from service.adapters.rabbitmq.consuming.received import ReceivedMessage
from service.adapters.rabbitmq.consuming.turn import Turn
from service.observability.metrics import Metrics


class LosingChannel:
    """Loses a cancellation at its end, as aiormq does if the broker replies at that moment."""

    def __init__(self) -> None:
        self.closing = asyncio.Event()

    async def declare_queue(self, _: str, *, exclusive: bool) -> None:
        assert exclusive

    async def queue_delete(self, _: str) -> None:
        """The lock is free again."""

    async def close(self) -> None:
        self.closing.set()
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()


class LosingConnection:
    def __init__(self) -> None:
        self.opened = LosingChannel()

    async def channel(self) -> LosingChannel:
        return self.opened


async def test_a_cancellation_that_the_driver_loses_ends_the_turns() -> None:
    connection, taken = LosingConnection(), asyncio.Event()
    acks = Acks(cast("AbstractChannel", None), Metrics(CollectorRegistry(), []))
    broker = cast("AbstractConnection", connection)
    turn = Turn(broker, "partition", acks, lambda _: taken.set())
    keeping = asyncio.create_task(turn.keep())
    turn.accept(cast("ReceivedMessage", SimpleNamespace(redelivered=False)))
    await taken.wait()
    turn.end()
    await connection.opened.closing.wait()
    keeping.cancel()
    await asyncio.wait([keeping], timeout=5)
    assert keeping.cancelled()
