"""Acknowledging on a connection that was lost."""

import asyncio
from typing import cast

from aiormq.abc import AbstractChannel, DeliveredMessage
from aiormq.exceptions import ChannelInvalidStateError
from pamqp.commands import Basic
from pamqp.header import ContentHeader
from prometheus_client import CollectorRegistry

from service.adapters.rabbitmq_consumer import Received
from service.observability.metrics import Metrics
from tests.virtual_time import in_virtual_time, settle


class Wire:
    """A channel whose connection has room for no more frames."""

    def __init__(self) -> None:
        self.lost = False
        self.room = asyncio.Event()
        self.said: list[int] = []

    async def basic_ack(self, tag: int, *, wait: bool) -> None:
        assert not wait
        if self.lost:
            raise ChannelInvalidStateError("closed")
        await self.room.wait()
        self.said.append(tag)

    async def basic_reject(self, tag: int, *, requeue: bool, wait: bool) -> None:
        assert not requeue
        await self.basic_ack(tag, wait=wait)


def received(wire: Wire) -> tuple[Received, Metrics]:
    metrics = Metrics(CollectorRegistry(), [])
    channel = cast("AbstractChannel", wire)
    header = ContentHeader(properties=Basic.Properties())
    message = DeliveredMessage(Basic.Deliver("tag", 7, False, "x", "key"), header, b"", channel)
    return Received(message, channel, metrics), metrics


def acks_lost(metrics: Metrics) -> float | None:
    return metrics.registry.get_sample_value("switchhook_acks_lost_total")


@in_virtual_time
async def test_an_acknowledgement_waits_for_room_however_long_it_takes() -> None:
    wire = Wire()
    message, metrics = received(wire)
    ack = asyncio.create_task(message.ack())
    await asyncio.sleep(30)
    wire.room.set()
    await ack
    assert (wire.said, acks_lost(metrics)) == ([7], 0)


@in_virtual_time
async def test_an_acknowledgement_that_waits_for_room_ends_with_its_connection() -> None:
    wire = Wire()
    message, metrics = received(wire)
    ack, refusal = asyncio.create_task(message.ack()), asyncio.create_task(message.refuse())
    await settle()
    wire.lost = True
    async with asyncio.timeout(2):
        await asyncio.gather(ack, refusal)
    assert (wire.said, acks_lost(metrics)) == ([], 2)
