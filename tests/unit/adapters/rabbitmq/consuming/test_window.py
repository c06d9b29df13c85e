"""How many consumers a queue has: as many as its window needs."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any, cast

import pytest
from aiormq.abc import AbstractChannel
from aiormq.exceptions import ChannelInvalidStateError

from service.adapters.rabbitmq.consuming.inbox import Inbox
from service.adapters.rabbitmq.consuming.window import (
    RESIZE_EVERY_S,
    SHRINK_AFTER_S,
    ConsumerWindow,
)
from tests.virtual_time import in_virtual_time, now, settle

STEP = 10
GROWN_S = 2 * RESIZE_EVERY_S
SHRUNK_S = SHRINK_AFTER_S + 2 * RESIZE_EVERY_S


class Wire:
    """A broker's side of a channel: who consumes, and with which prefetch."""

    def __init__(self) -> None:
        self.frames = SimpleNamespace(put=None)
        self.prefetch = 0
        self.begun = 0
        self.consumers: dict[str, int] = {}
        self.lost = False
        self.deaf = False
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def basic_qos(self, *, prefetch_count: int) -> None:
        self.prefetch = prefetch_count

    async def basic_consume(self, queue: str, _: object) -> SimpleNamespace:
        assert queue == "queue"
        await self._answer()
        self.begun += 1
        tag = f"consumer-{self.begun}"
        self.consumers[tag] = self.prefetch
        return SimpleNamespace(consumer_tag=tag)

    async def basic_cancel(self, tag: str, *, timeout: float) -> None:
        assert timeout
        await self._answer()
        del self.consumers[tag]

    async def _answer(self) -> None:
        try:
            await self.may_answer.wait()
        except asyncio.CancelledError:
            if not self.deaf:
                raise
        if self.lost:
            raise ChannelInvalidStateError("closed")

    @property
    def window(self) -> int:
        return sum(self.consumers.values())


class Setting:
    def __init__(self) -> None:
        self.wire = Wire()
        self.size = STEP
        channel = cast("AbstractChannel", self.wire)
        self.window = ConsumerWindow(channel, Inbox(channel, nothing), "queue", STEP, now)

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[asyncio.Task[None]]:
        await self.window.open()
        keeping = asyncio.create_task(self.window.keep(lambda: self.size))
        yield keeping
        keeping.cancel()
        await asyncio.wait([keeping])


def nothing(*_: Any) -> None:
    """What comes in does not matter."""


@in_virtual_time
async def test_it_begins_with_one_consumer_of_the_whole_prefetch() -> None:
    setting = Setting()
    async with setting.kept():
        await asyncio.sleep(10.0)
        assert setting.wire.consumers == {"consumer-1": STEP}


@pytest.mark.parametrize(("size", "window"), [(11, 20), (20, 20), (21, 30), (500, 500)])
@in_virtual_time
async def test_it_grows_by_whole_consumers_as_soon_as_more_are_needed(
    size: int, window: int
) -> None:
    setting = Setting()
    async with setting.kept():
        setting.size = size
        await asyncio.sleep(GROWN_S)
        assert setting.wire.window == window


@in_virtual_time
async def test_it_shrinks_one_by_one_once_fewer_were_enough_for_a_second() -> None:
    setting = Setting()
    async with setting.kept():
        setting.size = 40
        await asyncio.sleep(GROWN_S)
        setting.size = 20
        await asyncio.sleep(SHRINK_AFTER_S - RESIZE_EVERY_S)
        assert setting.wire.window == 40
        await asyncio.sleep(4 * RESIZE_EVERY_S)
        assert set(setting.wire.consumers) == {"consumer-1", "consumer-2"}
        await asyncio.sleep(10.0)
        assert setting.wire.window == 20


@in_virtual_time
async def test_it_does_not_shrink_where_many_were_needed_a_moment_ago() -> None:
    setting = Setting()
    async with setting.kept():
        for _ in range(10):
            setting.size = 40
            await asyncio.sleep(GROWN_S)
            setting.size = STEP
            await asyncio.sleep(SHRINK_AFTER_S / 2)
        assert (setting.wire.window, setting.wire.begun) == (40, 4)


@in_virtual_time
async def test_one_consumer_stays_though_none_is_needed() -> None:
    setting = Setting()
    async with setting.kept():
        setting.size = 0
        await asyncio.sleep(10 * SHRUNK_S)
        assert set(setting.wire.consumers) == {"consumer-1"}


@in_virtual_time
async def test_a_stopped_window_has_no_consumers_and_begins_none() -> None:
    setting = Setting()
    async with setting.kept():
        setting.size = 40
        await asyncio.sleep(GROWN_S)
        await setting.window.stop()
        assert setting.wire.consumers == {}
        await asyncio.sleep(10 * SHRUNK_S)
        assert (setting.wire.consumers, setting.wire.begun) == ({}, 4)


@in_virtual_time
async def test_a_window_that_is_stopped_while_it_grows_leaves_no_consumer_behind() -> None:
    setting = Setting()
    async with setting.kept():
        setting.size = 40
        setting.wire.may_answer.clear()
        await asyncio.sleep(GROWN_S)
        stopping = asyncio.create_task(setting.window.stop())
        await settle()
        setting.wire.may_answer.set()
        await stopping
        await asyncio.sleep(GROWN_S)
        assert setting.wire.consumers == {}
        assert setting.wire.begun == 2


@in_virtual_time
async def test_a_channel_that_is_lost_ends_the_keeping() -> None:
    setting = Setting()
    async with setting.kept() as keeping:
        setting.wire.lost = True
        setting.size = 40
        with pytest.raises(ChannelInvalidStateError):
            await keeping


@in_virtual_time
async def test_the_keeping_ends_though_the_driver_drops_its_cancellation() -> None:
    setting = Setting()
    async with setting.kept() as keeping:
        setting.wire.deaf = True
        setting.wire.may_answer.clear()
        setting.size = 15
        await asyncio.sleep(GROWN_S)
        keeping.cancel()
        await asyncio.sleep(10 * GROWN_S)
        assert keeping.cancelled()
