"""A stream's backlog: bounded, in order, and honest about what is missing."""

import orjson

from service.domain.policy import StreamPolicy
from service.pipeline.live.stream import ITEM_BYTES, Item, Stream

START = Item("start", b"{}")
SIZE = ITEM_BYTES + 2


def make_stream(**limits: float) -> Stream:
    policy = StreamPolicy(**{"buffer_bytes": 4 * SIZE, **limits})  # type: ignore[arg-type]
    return Stream("a", frozenset({"events:a"}), lambda _: None, START, policy, lambda: 0.0)


def item(number: int) -> Item:
    return Item("request", orjson.dumps(number).rjust(2))


async def names(stream: Stream) -> list[str]:
    return [
        f"{one.name} {one.data.decode().strip()}" if one.name != "start" else one.name
        for one in await stream.next(0.01)
    ]


async def test_items_come_in_order_after_the_start() -> None:
    stream = make_stream()
    for number in range(2):
        stream.offer(item(number))
    assert await names(stream) == ["start", "request 0", "request 1"]
    assert await names(stream) == []


async def test_a_full_stream_drops_what_is_new_and_says_so_where_it_is_missing() -> None:
    stream = make_stream()
    for number in range(6):
        stream.offer(item(number))
    dropped = 'dropped {"count":3}'
    assert await names(stream) == ["start", "request 0", "request 1", "request 2", dropped]
    stream.offer(item(6))
    stream.lose(2)
    stream.offer(item(7))
    assert await names(stream) == ["request 6", 'dropped {"count":2}', "request 7"]
    assert stream.dropped_total == 5


async def test_an_empty_stream_takes_an_item_of_any_size() -> None:
    stream = make_stream()
    await stream.next(0.01)
    large = Item("request", b"x" * 100 * SIZE)
    stream.offer(large)
    stream.offer(item(1))
    assert [one.name for one in await stream.next(0.01)] == ["request", "dropped"]


async def test_an_ended_stream_gives_what_is_left_and_takes_nothing_more() -> None:
    stream = make_stream()
    stream.end("why")
    stream.end("again")
    stream.offer(item(1))
    assert stream.ended == "why"
    assert await names(stream) == ["start"]
    assert await names(stream) == []


def test_a_stream_admits_no_more_than_its_rate() -> None:
    stream = make_stream(rate_per_s=5.0)
    assert [stream.admit() for _ in range(12)].count(True) == 10
