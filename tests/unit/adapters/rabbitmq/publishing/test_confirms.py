"""Confirms in runs, refusals, returns, lost channels, and what waits for room."""

import asyncio
import random
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any, cast

import pamqp.frame
import pytest
from aiormq.abc import AbstractChannel
from aiormq.exceptions import ChannelInvalidStateError, DeliveryError, PublishError
from pamqp.body import ContentBody
from pamqp.commands import Basic, Channel
from pamqp.header import ContentHeader

from service.adapters.rabbitmq.publishing import confirms as rabbitmq_confirms
from service.adapters.rabbitmq.publishing.confirms import Confirms
from service.adapters.rabbitmq.publishing.frames import Outgoing
from tests.virtual_time import in_virtual_time, settle

TIMEOUT_S = 10.0
Done = asyncio.Future[None]


class Wire:
    """What the confirms need of a channel: aiormq's two queues of frames, in and out."""

    def __init__(self, room: int = 0) -> None:
        self.number = 1
        self.max_content_size = 1000
        self.frames: asyncio.Queue[Any] = asyncio.Queue()
        self.write_queue: asyncio.Queue[Any] = asyncio.Queue(room)

    def written(self) -> list[list[Any]]:
        """Return the frames of each write since the last call."""
        writes = []
        while not self.write_queue.empty():
            data, frames = self.write_queue.get_nowait().payload, []
            while data:
                length, _, frame = pamqp.frame.unmarshal(data)
                frames.append(frame)
                data = data[length:]
            writes.append(frames)
        return writes

    def keys(self) -> list[list[str]]:
        """Return the queue that each publish of each write goes to."""
        return [
            [frame.routing_key for frame in write if isinstance(frame, Basic.Publish)]
            for write in self.written()
        ]


class Setting:
    def __init__(self, room: int = 0) -> None:
        self.wire = Wire(room)
        channel = cast("AbstractChannel", self.wire)
        self.confirms = Confirms(channel, "switchhook", TIMEOUT_S)

    def publish(self, *queues: str, body: bytes = b"{}") -> list[Done]:
        return [self.confirms.publish(Outgoing(body, {}), queue) for queue in queues]

    async def sent(self, count: int) -> list[Done]:
        """Return publishes that were written."""
        made = self.publish(*(f"q{number}" for number in range(1, count + 1)))
        await settle()
        return made

    async def read(self, *frames: Any) -> None:
        for frame in frames:
            await self.wire.frames.put((0, frame))


@asynccontextmanager
async def writing(room: int = 0) -> AsyncIterator[Setting]:
    setting = Setting(room)
    task = asyncio.create_task(setting.confirms.keep_writing())
    yield setting
    task.cancel()
    await asyncio.wait([task])
    setting.confirms.close()
    await settle()


def states(made: Iterable[Done]) -> str:
    """Return a letter for each: waits, confirmed, refused, returned, timed out, lost."""
    letters: dict[type, str] = {
        DeliveryError: "n",
        PublishError: "r",
        TimeoutError: "t",
        ChannelInvalidStateError: "l",
    }
    return "".join(
        "." if not one.done() else letters[type(e)] if (e := one.exception()) else "+"
        for one in made
    )


async def test_the_publishes_of_one_turn_are_written_at_once_and_in_order() -> None:
    async with writing() as setting:
        made = setting.publish("a", "b", "c")
        assert setting.wire.written() == []
        await settle()
        assert setting.wire.keys() == [["a", "b", "c"]]
        made += setting.publish("d")
        await settle()
        assert setting.wire.keys() == [["d"]]
        assert states(made) == "...."


async def test_a_confirm_of_many_settles_them_at_once() -> None:
    async with writing() as setting:
        made = await setting.sent(5)
        await setting.read(Basic.Ack(3, multiple=True))
        assert states(made) == "+++.."
        await setting.read(Basic.Ack(5, multiple=True))
        assert states(made) == "+++++"


async def test_a_confirm_of_one_settles_it_alone() -> None:
    async with writing() as setting:
        made = await setting.sent(4)
        await setting.read(Basic.Ack(3, multiple=False))
        assert states(made) == "..+."
        await setting.read(Basic.Ack(2, multiple=True))
        assert states(made) == "+++."


@pytest.mark.parametrize("seed", range(20))
async def test_whatever_the_runs_every_publish_is_settled_as_the_broker_said(seed: int) -> None:
    choose = random.Random(seed)  # noqa: S311 (no secret)
    async with writing() as setting:
        made = await setting.sent(200)
        expected = ["."] * 200
        while "." in expected:
            tag, multiple = choose.randrange(200) + 1, choose.random() < 0.2
            answer, letter = choose.choice(((Basic.Ack, "+"), (Basic.Nack, "n")))
            begin = 0 if multiple else tag - 1
            for index in range(begin, tag):
                expected[index] = letter if expected[index] == "." else expected[index]
            await setting.read(answer(tag, multiple=multiple))
            assert states(made) == "".join(expected)


async def test_what_is_refused_is_not_taken_for_done() -> None:
    async with writing() as setting:
        made = await setting.sent(3)
        await setting.read(Basic.Nack(2, multiple=True), Basic.Ack(3, multiple=False))
        assert states(made) == "nn+"


@pytest.mark.parametrize("parts", [(), (b"{}",), (b"{", b"}"), (b"{", b"", b"}")])
async def test_a_returned_message_fails_its_own_publish_alone(parts: tuple[bytes, ...]) -> None:
    async with writing() as setting:
        made = await setting.sent(3)
        [write] = setting.wire.written()
        [_, second, _] = [frame for frame in write if isinstance(frame, ContentHeader)]
        size = sum(map(len, parts))
        await setting.read(
            Basic.Return(312, "NO_ROUTE", "switchhook", "q2"),
            ContentHeader(0, size, second.properties),
            *map(ContentBody, parts),
        )
        assert states(made) == ".r."
        await setting.read(Basic.Ack(3, multiple=True))
        assert states(made) == "+r+"
        assert setting.wire.frames.empty()


async def test_a_returned_message_that_nobody_published_fails_nothing() -> None:
    async with writing() as setting:
        made = await setting.sent(1)
        stranger = ContentHeader(0, 2, Basic.Properties(message_id="0" * 32))
        await setting.read(Basic.Return(312, "NO_ROUTE"), stranger, ContentBody(b"{}"))
        await setting.read(Basic.Ack(9, multiple=False), Basic.Ack(1, multiple=False))
        assert states(made) == "+"


async def test_with_the_channel_everything_under_way_is_lost_at_once() -> None:
    async with writing() as setting:
        made = await setting.sent(2) + setting.publish("unsent")
        setting.confirms.close()
        assert states(made) == "lll"
        made = setting.publish("later")
        assert states(made) == "l"
        with pytest.raises(ChannelInvalidStateError, match="the outcome is unknown"):
            await made[0]


async def test_a_channel_that_the_broker_closes_says_why_and_aiormq_hears_of_it() -> None:
    async with writing() as setting:
        [done] = await setting.sent(1)
        close = Channel.Close(404, "NOT_FOUND - no exchange 'switchhook'")
        await setting.read(close)
        with pytest.raises(ChannelInvalidStateError, match="no exchange 'switchhook'"):
            await done
        assert setting.wire.frames.get_nowait() == (0, close)


@in_virtual_time
async def test_what_has_no_answer_in_time_fails_and_a_late_answer_harms_nothing() -> None:
    async with writing() as setting:
        first = await setting.sent(1)
        await asyncio.sleep(TIMEOUT_S / 2)
        second = await setting.sent(1)
        await asyncio.sleep(TIMEOUT_S / 2 + 0.1)
        assert states(first + second) == "t."
        await asyncio.sleep(TIMEOUT_S / 2)
        assert states(second) == "t"
        third = await setting.sent(1)
        await setting.read(Basic.Ack(3, multiple=True))
        assert states(first + second + third) == "tt+"


@in_virtual_time
async def test_what_waits_for_room_fails_in_time_and_is_never_sent() -> None:
    async with writing() as setting:
        made = await setting.sent(rabbitmq_confirms.MOST_IN_FLIGHT + 50)
        [keys] = setting.wire.keys()
        assert len(keys) == rabbitmq_confirms.MOST_IN_FLIGHT
        await asyncio.sleep(TIMEOUT_S + 0.1)
        assert set(states(made)) == {"t"}
        # What was sent is in the driver's memory still, so others wait for its confirm.
        later = await setting.sent(1)
        assert setting.wire.keys() == []
        await setting.read(Basic.Ack(1, multiple=False))
        await settle()
        assert setting.wire.keys() == [["q1"]]
        await setting.read(Basic.Ack(rabbitmq_confirms.MOST_IN_FLIGHT + 1, multiple=True))
        assert states(later) == "+"


async def test_bytes_in_flight_are_bounded_too() -> None:
    third = b"x" * (rabbitmq_confirms.MOST_BYTES_IN_FLIGHT // 3)
    async with writing() as setting:
        made = setting.publish("a", "b", "c", "d", body=third)
        await settle()
        assert setting.wire.keys() == [["a", "b", "c"]]
        await setting.read(Basic.Ack(1, multiple=False))
        await settle()
        assert setting.wire.keys() == [["d"]]
        assert states(made) == "+..."


async def test_a_message_beyond_the_bound_goes_alone() -> None:
    async with writing() as setting:
        setting.publish("small")
        setting.publish("huge", body=b"x" * (2 * rabbitmq_confirms.MOST_BYTES_IN_FLIGHT))
        setting.publish("next")
        for tag, key in enumerate(("small", "huge", "next"), 1):
            await settle()
            assert setting.wire.keys() == [[key]]
            await setting.read(Basic.Ack(tag, multiple=False))


async def test_a_publish_cancelled_before_it_is_written_is_not_sent() -> None:
    async with writing() as setting:
        made = setting.publish("a", "b", "c")
        made[1].cancel()
        await settle()
        assert setting.wire.keys() == [["a", "c"]]
        await setting.read(Basic.Ack(2, multiple=True))
        assert states([made[0], made[2]]) == "++"


async def test_a_publish_cancelled_after_that_keeps_its_place_among_the_tags() -> None:
    async with writing() as setting:
        made = await setting.sent(3)
        made[1].cancel()
        await setting.read(Basic.Ack(2, multiple=True))
        assert states([made[0], made[2]]) == "+."
        await setting.read(Basic.Ack(3, multiple=False))
        assert states([made[2]]) == "+"


async def test_while_the_driver_has_no_room_publishes_gather_for_one_write() -> None:
    async with writing(room=1) as setting:
        for key in ("a", "b", "c", "d"):
            setting.publish(key)
            await settle()
        assert setting.wire.keys() == [["a"]]
        await settle()
        assert setting.wire.keys() == [["b"]]
        await settle()
        assert setting.wire.keys() == [["c", "d"]]
