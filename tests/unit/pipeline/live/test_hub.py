"""The open streams of a worker: their limits, what they announce, and what reaches them."""

import asyncio
from collections.abc import Mapping
from typing import Any

import orjson
import pytest
import structlog

from service.domain.errors import TooManyStreams
from service.domain.policy import StreamPolicy
from service.pipeline.live.feed import LiveFeed
from service.pipeline.live.hub import LiveHub
from service.pipeline.live.stream import Item, Stream
from tests.fakes import counted, make_metrics


class Bus:
    """Keeps what is sent."""

    queue = "mine"

    def __init__(self) -> None:
        self.to_all: list[Any] = []

    def send(self, queue: str, body: bytes) -> None:
        raise AssertionError((queue, body))

    def send_all(self, body: bytes) -> None:
        self.to_all.append(orjson.loads(body))


class Bench:
    """A hub with its streams."""

    def __init__(self, **limits: int) -> None:
        self.bus, self.feed, self.metrics = Bus(), LiveFeed(), make_metrics()
        self.policy = StreamPolicy(**limits)
        self.hub = LiveHub(self.bus, self.feed, self.policy, self.metrics)

    def open(self, *keys: str, account_id: str = "a") -> Stream:
        def take(message: Mapping[str, Any]) -> Item | None:
            return None if message.get("odd") else Item("item", orjson.dumps(message["text"]))

        start = Item("start", b"{}")
        stream = Stream(account_id, frozenset(keys), take, start, self.policy)
        self.hub.open(stream)
        return stream

    def receive(self, **message: Any) -> None:
        self.hub.receive(orjson.dumps({"from": "w", **message}))


async def texts(stream: Stream) -> list[str]:
    return [one.data.decode() for one in await stream.next(0.01) if one.name != "start"]


async def test_streams_get_what_they_want_and_what_they_take() -> None:
    bench = Bench()
    first, second = bench.open("x", "y"), bench.open("y")
    bench.receive(n={"x": 1}, text="1")
    bench.receive(n={"y": 1}, text="2")
    bench.receive(n={"y": 2}, odd=True)
    bench.receive(n={"z": 1}, text="4")
    assert await texts(first) == ['"1"', '"2"']
    assert await texts(second) == ['"2"']


async def test_a_gap_in_the_numbers_of_a_sender_is_told_to_those_it_concerns() -> None:
    bench = Bench()
    first, second = bench.open("x"), bench.open("y")
    bench.receive(n={"x": 5}, text="1")
    bench.receive(n={"x": 8}, text="2")
    bench.receive(n={"x": 1}, text="3", **{"from": "another"})
    assert await texts(first) == ['"1"', '{"count":2}', '"2"', '"3"']
    bench.receive(so_far={"x": 10})
    bench.receive(so_far={"x": 10})
    assert await texts(first) == ['{"count":2}']
    assert await texts(second) == []


def test_what_is_wanted_is_announced_when_it_changes_and_when_it_is_asked_for() -> None:
    bench = Bench()
    bench.receive(asks=True)
    stream = bench.open("x")
    other = bench.open("y", "x")
    bench.receive(asks=True)
    bench.hub.close(stream)
    bench.hub.close(stream)
    bench.hub.close(other)
    assert bench.bus.to_all == [
        {"queue": "mine", "wants": wants}
        for wants in (["x"], ["x", "y"], ["x", "y"], ["x", "y"], [])
    ]
    bench.hub.connected()
    assert bench.bus.to_all[-2:] == [{"queue": "mine", "wants": []}, {"asks": True}]


def test_the_wishes_of_others_reach_the_feed() -> None:
    bench = Bench()
    bench.receive(queue="q", wants=["events:a"])
    assert bench.feed.wanted


def test_streams_are_limited_by_account_and_in_all() -> None:
    bench = Bench(max=3, max_per_account=2)
    first = bench.open("x")
    bench.open("x")
    with pytest.raises(TooManyStreams, match="the account has 2 streams"):
        bench.open("x")
    bench.open("x", account_id="b")
    with pytest.raises(TooManyStreams, match="the worker has 3 streams"):
        bench.open("x", account_id="b")
    bench.hub.close(first)
    bench.open("x")
    bench.metrics.note_measured()
    assert counted(bench.metrics, "streams_open") == 3


def test_a_stop_ends_all_streams_and_those_that_come_later() -> None:
    bench = Bench()
    stream = bench.open("x")
    bench.hub.stop()
    assert stream.ended == bench.open("x").ended == "the service stops"


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"3", b'{"n": 3}', b'{"from": "w", "n": {"x": "many"}}', b'{"wants": 1}']
)
async def test_nonsense_on_the_exchange_harms_nobody(body: bytes) -> None:
    bench = Bench()
    stream = bench.open("x")
    with structlog.testing.capture_logs() as logs:
        bench.hub.receive(body)
    assert [line["event"] for line in logs] == ["live.bug"]
    bench.receive(n={"x": 1}, text="1")
    assert await texts(stream) == ['"1"']


async def test_what_is_wanted_is_announced_again_and_again() -> None:
    bench = Bench()
    running = asyncio.create_task(bench.hub.run())
    await asyncio.sleep(0)
    assert bench.bus.to_all == []
    running.cancel()
    bench.open("x")
    running = asyncio.create_task(bench.hub.run())
    await asyncio.sleep(0)
    assert len(bench.bus.to_all) == 2
    running.cancel()
