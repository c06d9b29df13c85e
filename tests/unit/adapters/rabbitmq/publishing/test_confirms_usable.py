"""Confirms in runs, refusals, returns, lost channels, and what waits for room."""

import asyncio

import pytest
from aiormq.exceptions import ChannelInvalidStateError
from pamqp.commands import Channel, Confirm

from tests.unit.adapters.rabbitmq.publishing.test_confirms import Setting, writing
from tests.virtual_time import in_virtual_time, settle


async def test_other_frames_are_left_to_aiormq() -> None:
    async with writing() as setting:
        answer = Channel.FlowOk(active=True)
        await setting.read(answer)
        assert setting.wire.frames.get_nowait() == (0, answer)


async def test_a_driver_that_carries_frames_both_ways_is_usable() -> None:
    setting = Setting()
    trying = asyncio.create_task(setting.confirms.is_usable(5))
    await settle()
    [[asked]] = setting.wire.written()
    assert isinstance(asked, Confirm.Select)
    await setting.read(Confirm.SelectOk())
    assert await trying
    assert setting.wire.frames.empty()


@in_virtual_time
async def test_a_driver_that_reads_past_us_is_not_usable() -> None:
    assert not await Setting().confirms.is_usable(5)


@in_virtual_time
async def test_a_channel_lost_while_the_driver_is_tried_says_so() -> None:
    setting = Setting()
    trying = asyncio.create_task(setting.confirms.is_usable(5))
    await settle()
    await setting.read(Channel.Close(504, "CHANNEL_ERROR"))
    with pytest.raises(ChannelInvalidStateError, match="CHANNEL_ERROR"):
        await trying
