"""Messages put together from frames, as the broker sends them; all else is left to aiormq."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, cast

import pytest
from aiormq.abc import AbstractChannel, DeliveredMessage
from pamqp.body import ContentBody
from pamqp.commands import Basic, Channel
from pamqp.header import ContentHeader
from structlog.testing import capture_logs

from service.adapters.rabbitmq.consuming.inbox import Inbox

Consumer = Callable[[DeliveredMessage], Awaitable[None]]


class Wire:
    """What the inbox needs of a channel: the queue that aiormq's reader fills."""

    def __init__(self) -> None:
        self.frames: asyncio.Queue[Any] = asyncio.Queue()
        self.consumer: Consumer | None = None

    async def basic_consume(self, _queue: str, consumer: Consumer) -> Basic.ConsumeOk:
        self.consumer = consumer
        return Basic.ConsumeOk("tag")


class Setting:
    def __init__(self) -> None:
        self.wire = Wire()
        self.taken: list[tuple[str, str | None, bytes]] = []
        self.bug: Exception | None = None
        self.inbox = Inbox(cast("AbstractChannel", self.wire), self.take)

    def take(self, deliver: Basic.Deliver, properties: Basic.Properties, body: bytes) -> None:
        if self.bug is not None:
            raise self.bug
        self.taken.append((str(deliver.routing_key), properties.content_type, body))

    async def read(self, frames: Iterable[Any]) -> None:
        for frame in frames:
            await self.wire.frames.put((0, frame))


def message(key: str, *parts: bytes, content_type: str | None = None) -> list[Any]:
    size = sum(map(len, parts))
    properties = Basic.Properties(content_type=content_type)
    return [
        Basic.Deliver("tag", 1, False, "callevt", key),
        ContentHeader(0, size, properties),
        *map(ContentBody, parts),
    ]


async def test_a_message_is_handed_over_with_its_last_frame_and_not_before() -> None:
    setting = Setting()
    *first, last = message("a", b"{", b"}", content_type="application/json")
    await setting.read(first)
    assert setting.taken == []
    await setting.read([last])
    assert setting.taken == [("a", "application/json", b"{}")]
    assert setting.wire.frames.empty()


async def test_a_message_without_a_body_has_no_frame_for_it() -> None:
    setting = Setting()
    await setting.read([*message("empty"), *message("next", b"body")])
    assert setting.taken == [("empty", None, b""), ("next", None, b"body")]


async def test_nothing_of_one_message_is_left_in_the_next() -> None:
    setting = Setting()
    await setting.read(message("a", b"1", b"2", content_type="text/plain"))
    await setting.read(message("b", b"3"))
    assert setting.taken[1] == ("b", None, b"3")


async def test_what_is_no_delivery_is_left_to_aiormq() -> None:
    setting = Setting()
    answer, close = Basic.CancelOk("tag"), Channel.Close(406, "PRECONDITION_FAILED")
    await setting.read([answer, *message("a", b"x"), close])
    assert [setting.wire.frames.get_nowait() for _ in range(2)] == [(0, answer), (0, close)]
    assert setting.wire.frames.empty()
    assert len(setting.taken) == 1


@pytest.mark.parametrize("parts", [(), (b"x",)])
async def test_a_bug_in_taking_a_message_does_not_end_the_reading(parts: tuple[bytes]) -> None:
    setting = Setting()
    setting.bug = RuntimeError("the lane is closed")
    with capture_logs() as lines:
        await setting.read(message("a", *parts))
    assert [(line["event"], line["routing_key"]) for line in lines] == [("message.bug", "a")]
    setting.bug = None
    await setting.read(message("b", b"y"))
    assert setting.taken == [("b", None, b"y")]


async def test_what_aiormq_puts_together_after_all_is_taken_like_the_rest() -> None:
    setting = Setting()
    assert await setting.inbox.consume("events") == "tag"
    assert setting.wire.consumer is not None
    deliver, header, body = message("a", b"{}", content_type="application/json")
    whole = DeliveredMessage(deliver, header, body.value, cast("AbstractChannel", setting.wire))
    await setting.wire.consumer(whole)
    assert setting.taken == [("a", "application/json", b"{}")]
