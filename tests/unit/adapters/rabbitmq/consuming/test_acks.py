"""Acknowledging: in runs, singly behind a slow one, and on a connection that was lost."""

import asyncio
import random
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

import pytest
from aiormq.abc import AbstractChannel
from aiormq.exceptions import ChannelInvalidStateError
from prometheus_client import CollectorRegistry

from service.adapters.rabbitmq.consuming.acks import ROOM_S, TELL_EVERY_S, Acks
from service.observability.metrics import Metrics
from tests.virtual_time import in_virtual_time, settle


class Wire:
    """A broker's side of a channel: refuses a tag that is not outstanding, as RabbitMQ does."""

    def __init__(self, sent: int = 10) -> None:
        self.lost = False
        self.room = asyncio.Event()
        self.room.set()
        self.outstanding = set(range(1, sent + 1))
        self.said: list[tuple[int, bool]] = []

    async def basic_ack(self, tag: int, *, wait: bool, multiple: bool = False) -> None:
        assert not wait
        if self.lost:
            raise ChannelInvalidStateError("closed")
        await self.room.wait()
        assert tag in self.outstanding, f"PRECONDITION_FAILED: unknown delivery tag {tag}"
        self.outstanding -= set(range(1, tag + 1)) if multiple else {tag}
        self.said.append((tag, multiple))

    async def basic_reject(self, tag: int, *, requeue: bool, wait: bool) -> None:
        assert not requeue
        await self.basic_ack(tag, wait=wait)


class Setting:
    def __init__(self, sent: int = 10) -> None:
        self.wire = Wire(sent)
        self.metrics = Metrics(CollectorRegistry(), [])
        self.acks = Acks(cast("AbstractChannel", self.wire), self.metrics)
        for tag in sorted(self.wire.outstanding):
            self.acks.note(tag)

    def settle(self, *tags: int) -> None:
        for tag in tags:
            self.acks.settle(tag)

    @property
    def lost(self) -> float | None:
        return self.metrics.registry.get_sample_value("switchhook_acks_lost_total")

    @asynccontextmanager
    async def telling(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.acks.keep_telling())
        yield
        task.cancel()
        await asyncio.wait([task])


async def test_a_run_of_settled_messages_goes_as_one() -> None:
    setting = Setting()
    setting.settle(3, 1, 2)
    await setting.acks.tell()
    assert setting.wire.said == [(3, True)]


async def test_nothing_waits_for_a_slow_message() -> None:
    setting = Setting()
    setting.settle(1, 3, 4)
    await setting.acks.tell()
    assert setting.wire.said == [(1, True), (3, False), (4, False)]
    setting.settle(2, 5)
    await setting.acks.tell()
    assert setting.wire.said[3:] == [(5, True)]
    assert setting.wire.outstanding == {6, 7, 8, 9, 10}


async def test_a_tag_that_was_told_is_never_the_end_of_a_run() -> None:
    setting = Setting()
    setting.settle(2, 3)
    await setting.acks.tell()
    setting.settle(1)
    await setting.acks.tell()
    assert setting.wire.said == [(2, False), (3, False), (1, True)]
    await setting.acks.tell()
    assert len(setting.wire.said) == 3


async def test_a_refused_message_is_told_already() -> None:
    setting = Setting()
    await setting.acks.refuse(2)
    setting.settle(1, 3)
    await setting.acks.tell()
    assert setting.wire.said == [(2, False), (3, True)]
    assert setting.wire.outstanding == {4, 5, 6, 7, 8, 9, 10}


@pytest.mark.parametrize("seed", range(20))
async def test_whatever_the_order_every_message_is_acknowledged_once(seed: int) -> None:
    setting, shuffled = Setting(sent=200), list(range(1, 201))
    choose = random.Random(seed)  # noqa: S311 (no secret)
    choose.shuffle(shuffled)
    while shuffled:
        setting.settle(*(shuffled.pop() for _ in range(min(len(shuffled), choose.randrange(9)))))
        if choose.random() < 0.3 and shuffled:
            await setting.acks.refuse(shuffled.pop())
        await setting.acks.tell()
    assert setting.wire.outstanding == set()
    assert (setting.acks._outstanding, setting.acks._settled) == ({}, [])


@in_virtual_time
async def test_the_broker_is_told_within_milliseconds() -> None:
    setting = Setting()
    async with setting.telling():
        setting.settle(1)
        setting.settle(2)
        await asyncio.sleep(TELL_EVERY_S + 0.001)
        assert setting.wire.said == [(2, True)]
        setting.settle(3)
        await asyncio.sleep(TELL_EVERY_S + 0.001)
        assert setting.wire.said == [(2, True), (3, True)]


@in_virtual_time
async def test_an_acknowledgement_waits_for_room_however_long_it_takes() -> None:
    setting = Setting()
    setting.wire.room.clear()
    async with setting.telling():
        setting.settle(1)
        await asyncio.sleep(30)
        assert setting.wire.said == []
        setting.wire.room.set()
        await asyncio.sleep(1.1)
        assert (setting.wire.said, setting.lost) == ([(1, True)], 0)


@in_virtual_time
async def test_an_acknowledgement_that_waits_for_room_ends_with_its_connection() -> None:
    setting = Setting()
    setting.wire.room.clear()
    setting.settle(1)
    telling = asyncio.create_task(setting.acks.tell())
    refusal = asyncio.create_task(setting.acks.refuse(2))
    await settle()
    setting.wire.lost = True
    async with asyncio.timeout(2):
        await asyncio.gather(telling, refusal)
    assert (setting.wire.said, setting.lost) == ([], 2)


async def test_what_is_settled_after_the_channel_is_gone_is_counted_as_lost() -> None:
    setting = Setting()
    setting.settle(1, 2)
    setting.acks.close()
    setting.settle(3)
    assert setting.lost == 3


async def test_what_is_kept_is_bounded_while_one_old_message_stays_unsettled() -> None:
    setting, window = Setting(sent=1), 100
    largest = 0
    for first in range(2, 50_000, window):
        tags = range(first, first + window)
        setting.wire.outstanding |= set(tags)
        for tag in tags:
            setting.acks.note(tag)
        setting.settle(*reversed(tags))
        await setting.acks.tell()
        largest = max(largest, sys.getsizeof(setting.acks._outstanding))
    assert setting.wire.outstanding == {1}
    assert (list(setting.acks._outstanding), setting.acks._settled) == ([1], [])
    assert largest < 100_000
    setting.wire.said.clear()
    setting.settle(1)
    await setting.acks.tell()
    assert setting.wire.said == [(1, True)]


async def test_behind_an_old_message_what_is_settled_goes_singly_and_before_it_as_a_run() -> None:
    setting = Setting()
    setting.settle(1, 2, 3, 5, 7)
    await setting.acks.tell()
    assert setting.wire.said == [(3, True), (5, False), (7, False)]
    setting.settle(4, 6)
    await setting.acks.tell()
    assert setting.wire.said[3:] == [(6, True)]
    assert setting.wire.outstanding == {8, 9, 10}


async def test_a_message_that_came_in_meanwhile_is_not_part_of_a_run() -> None:
    setting = Setting(sent=2)
    setting.settle(1, 2)
    setting.wire.outstanding |= {3, 4}
    setting.acks.note(3)
    setting.acks.note(4)
    setting.settle(4)
    await setting.acks.tell()
    assert setting.wire.said == [(2, True), (4, False)]
    assert setting.wire.outstanding == {3}


@in_virtual_time
async def test_a_run_does_not_go_past_a_refusal_that_still_waits_for_room() -> None:
    setting = Setting(sent=3)
    setting.wire.room.clear()
    refusal = asyncio.create_task(setting.acks.refuse(2))
    await asyncio.sleep(ROOM_S / 2)
    setting.settle(1, 3)
    telling = asyncio.create_task(setting.acks.tell())
    # The refusal is said again after a second, behind what waits for room by then.
    await asyncio.sleep(ROOM_S * 3 / 4)
    setting.wire.room.set()
    await asyncio.gather(refusal, telling)
    assert setting.wire.outstanding == set()
    assert sorted(setting.wire.said) == [(1, True), (2, False), (3, False)]
