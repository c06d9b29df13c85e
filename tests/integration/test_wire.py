"""Connections that are used again, by real sockets: whose answer it is, and what a close costs."""

import asyncio
import socket
import struct
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from ipaddress import ip_network
from socket import SO_LINGER, SOL_SOCKET

import pytest
from prometheus_client import CollectorRegistry

from service.adapters.http.sender import HttpSender
from service.dev.servers import HOST
from service.domain.delivery import Outcome, Request, Response
from service.domain.policy import EgressPolicy, HttpPolicy
from service.observability.metrics import Metrics
from tests.odd_answers import CHUNKED, END, NO_ANSWERS, ODD_ANSWERS, OK, TWO

LOOPBACK = EgressPolicy(allow=(ip_network("127.0.0.0/8"),))
TAKEN = OK + TWO + END + b"hi"
NOTHING_IN_CHUNKS = OK + CHUNKED + END + b"0\r\n\r\n"
FAILED = b"HTTP/1.1 500 Oh\r\nContent-Length: 2\r\n\r\nno"
POLICY = HttpPolicy(total_timeout_s=2.0)

Serve = Callable[["Visit"], Awaitable[None]]


class Visit:
    """One connection that a receiver has accepted; `number` counts from 1."""

    def __init__(
        self, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.number = number
        self.reader = reader
        self.writer = writer

    async def request(self) -> None:
        """Wait for the next request."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        length = next(
            (line for line in head.split(b"\r\n") if line.startswith(b"Content-Length")), b": 0"
        )
        await self.reader.readexactly(int(length.partition(b":")[2]))

    async def say(self, *parts: bytes) -> None:
        """Send each part in a packet of its own."""
        for part in parts:
            self.writer.write(part)
            await self.writer.drain()

    def reset(self) -> None:
        """End the connection the hard way."""
        linger = struct.pack("ii", 1, 0)
        self.writer.get_extra_info("socket").setsockopt(SOL_SOCKET, SO_LINGER, linger)
        self.writer.transport.abort()


class Site:
    """A receiver and a sender for it."""

    def __init__(self, uri: str, sender: HttpSender, visits: list[Visit]) -> None:
        self.uri = uri
        self.sender = sender
        self.visits = visits

    async def send(self, verb: str = "POST", body: bytes = b"{}") -> Response:
        return await self.sender.send(Request(verb, self.uri, "", {}, body, in_full=True))


@asynccontextmanager
async def site(serve: Serve, policy: HttpPolicy = POLICY) -> AsyncIterator[Site]:
    visits: list[Visit] = []
    tasks: set[asyncio.Task[None]] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            tasks.add(task)
        visits.append(Visit(len(visits) + 1, reader, writer))
        try:
            await serve(visits[-1])
        except (ConnectionError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()

    listening = await asyncio.start_server(handle, HOST, 0)
    sender = HttpSender(policy, LOOPBACK, Metrics(CollectorRegistry(), []))
    await sender.prepare()
    try:
        yield Site(f"http://{HOST}:{listening.sockets[0].getsockname()[1]}/", sender, visits)
    finally:
        await sender.close()
        for task in tasks:
            task.cancel()
        listening.close()


async def arrived(visit: Visit) -> None:
    """Wait until the other side's kernel has all that was sent to it."""
    await visit.writer.drain()
    await asyncio.sleep(0.02)


STALE = {
    "an-extra-answer": TAKEN,
    "extra-bytes": b"bytes",
    "a-blank-line": END,
    "a-late-100": b"HTTP/1.1 100 Continue\r\n\r\n",
    "half-an-answer": OK,
}


@pytest.mark.parametrize("stale", STALE.values(), ids=STALE)
@pytest.mark.parametrize("first", [TAKEN, NOTHING_IN_CHUNKS], ids=["sized", "chunked"])
async def test_what_comes_on_an_idle_connection_is_nobodys_answer(
    stale: bytes, first: bytes
) -> None:
    async def serve(visit: Visit) -> None:
        await visit.request()
        await visit.say(first if visit.number == 1 else FAILED)
        if visit.number == 1:
            await arrived(visit)
            await visit.say(stale)
            await visit.request()
            await visit.say(TAKEN)

    async with site(serve) as made:
        assert (await made.send()).status == 200
        await arrived(made.visits[0])
        await asyncio.sleep(0.05)
        assert (await made.send()).status == 500
        assert len(made.visits) == 2


@pytest.mark.parametrize("stale", STALE.values(), ids=STALE)
async def test_nor_is_what_the_event_loop_has_not_read_yet(stale: bytes) -> None:
    async def serve(visit: Visit) -> None:
        await visit.request()
        await visit.say(TAKEN if visit.number == 1 else FAILED)
        await visit.request()
        await visit.say(TAKEN)

    async with site(serve) as made:
        assert (await made.send()).status == 200
        # Both happen in one turn of the event loop, so nothing is read in between.
        fileno = made.visits[0].writer.get_extra_info("socket").fileno()
        _say_at_once(fileno, stale)
        assert (await made.send()).status == 500
        assert len(made.visits) == 2


def _say_at_once(fileno: int, said: bytes) -> None:
    with socket.socket(fileno=socket.dup(fileno)) as same:
        same.send(said)
    time.sleep(0.01)


@pytest.mark.parametrize("excess", STALE.values(), ids=STALE)
async def test_bytes_after_a_body_in_the_same_packet_end_the_connection(excess: bytes) -> None:
    async def serve(visit: Visit) -> None:
        await visit.request()
        await visit.say(TAKEN + excess if visit.number == 1 else FAILED)
        await visit.request()
        await visit.say(TAKEN)

    async with site(serve) as made:
        assert (await made.send()).status == 200
        assert (await made.send()).status == 500


async def test_an_answer_that_came_before_any_request_is_none() -> None:
    async def serve(visit: Visit) -> None:
        await visit.say(TAKEN)
        await visit.request()
        await visit.say(FAILED)

    async with site(serve) as made:
        assert (await made.send()).outcome in {Outcome.RESET, Outcome.BAD_STATUS}


async def test_after_an_answer_that_came_before_the_body_was_sent_nothing_is_reused() -> None:
    async def serve(visit: Visit) -> None:
        await visit.reader.readuntil(b"\r\n\r\n")
        await visit.say(b"HTTP/1.1 413 No\r\nContent-Length: 0\r\n\r\n")
        await visit.reader.read()

    async with site(serve) as made:
        assert (await made.send(body=bytes(30_000_000))).status == 413
        assert (await made.send()).status == 413
        assert len(made.visits) == 2


@pytest.mark.parametrize("verb", ["POST", "GET", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("hard", [True, False], ids=["reset", "closed"])
async def test_a_connection_closed_as_it_is_used_again_costs_no_attempt(
    verb: str, hard: bool
) -> None:
    async def serve(visit: Visit) -> None:
        await visit.request()
        await visit.say(TAKEN)
        await visit.request()
        if hard:
            visit.reset()

    async with site(serve) as made:
        for _ in range(50):
            assert (await made.send(verb)).status == 200
        assert len(made.visits) == 50


async def test_the_repeat_is_made_on_a_new_connection_and_others_are_kept() -> None:
    together = asyncio.Barrier(5)

    async def serve(visit: Visit) -> None:
        await visit.request()
        if visit.number <= 5:
            await together.wait()
        await visit.say(TAKEN)
        await visit.request()
        if visit.number > 1:
            await visit.say(TAKEN)
            await visit.request()

    async with site(serve) as made:
        await asyncio.gather(*(made.send() for _ in range(5)))
        assert len(made.visits) == 5
        assert (await made.send()).status == 200
        assert len(made.visits) in {5, 6}
        for _ in range(3):
            assert (await made.send()).status == 200
        assert len(made.visits) <= 6


async def test_a_request_is_repeated_only_once() -> None:
    async def serve(visit: Visit) -> None:
        await visit.request()
        if visit.number == 1:
            await visit.say(TAKEN)
            await visit.request()

    async with site(serve) as made:
        assert (await made.send()).status == 200
        assert (await made.send()).outcome is Outcome.RESET
        assert len(made.visits) == 2


async def test_a_new_connection_that_dies_costs_the_attempt() -> None:
    async def serve(visit: Visit) -> None:
        await visit.request()

    async with site(serve) as made:
        assert (await made.send("GET")).outcome is Outcome.RESET
        assert len(made.visits) == 1


@pytest.mark.parametrize("begun", [b"H", b"HTTP/1.1 20", b"HTTP/1.1 103 Hints\r\n\r\n"])
async def test_a_request_whose_answer_had_begun_is_not_repeated(begun: bytes) -> None:
    async def serve(visit: Visit) -> None:
        await visit.request()
        await visit.say(TAKEN)
        await visit.request()
        await visit.say(begun)

    async with site(serve) as made:
        assert (await made.send()).status == 200
        assert (await made.send()).outcome in {Outcome.BAD_RESPONSE, Outcome.RESET}
        assert len(made.visits) == 1


@pytest.mark.parametrize("text", ODD_ANSWERS.values(), ids=ODD_ANSWERS)
async def test_a_2xx_status_line_is_a_success_whatever_follows_it(text: bytes) -> None:
    """The first connection gets it whole, the next ones cut at one byte each."""
    places = min(len(text), 160)

    async def serve(visit: Visit) -> None:
        await visit.request()
        await visit.say(text[: visit.number - 1])
        await asyncio.sleep(0)
        await visit.say(text[visit.number - 1 :])

    async with site(serve) as made:
        while len(made.visits) < places:
            response = await made.send()
            assert response.outcome is Outcome.SUCCEEDED, (len(made.visits), response)


@pytest.mark.parametrize("text", NO_ANSWERS.values(), ids=NO_ANSWERS)
async def test_what_is_no_status_line_is_no_success(text: bytes) -> None:
    async def serve(visit: Visit) -> None:
        await visit.request()
        await visit.say(text)

    async with site(serve) as made:
        assert (await made.send()).outcome in {Outcome.BAD_RESPONSE, Outcome.RESET}
