"""A kept connection whose receiver is out of step: its bytes are nobody's answer."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from service.adapters.http.answer import AnswerReader
from service.adapters.http.protocol import Exchanging, StaleConnection
from service.dev.servers import HOST
from service.domain.delivery import Outcome, Request
from tests.integration.test_sender import sender

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
BAD = b"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n"

Step = Callable[[asyncio.StreamReader, asyncio.StreamWriter, int], Awaitable[None]]


class Stepping:
    """Answers each request as told; `requests` counts them by connection."""

    def __init__(self, step: Step) -> None:
        self.requests: list[int] = []
        self.uri = ""
        self._step = step

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        mine = len(self.requests)
        self.requests.append(0)
        try:
            while True:
                await reader.readuntil(b"{}")
                self.requests[mine] += 1
                await self._step(reader, writer, sum(self.requests))
        except (ConnectionError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()


@asynccontextmanager
async def stepping(step: Step) -> AsyncIterator[Stepping]:
    receiver = Stepping(step)
    async with await asyncio.start_server(receiver.handle, HOST, 0) as listening:
        receiver.uri = f"http://{HOST}:{listening.sockets[0].getsockname()[1]}/"
        yield receiver


def request(receiver: Stepping, verb: str = "POST") -> Request:
    return Request(verb, receiver.uri, "", {}, b"{}")


EXTRAS = {
    "an answer nobody asked for": OK,
    "bytes after a body": b"extra",
    "a late promise": b"HTTP/1.1 100 Continue\r\n\r\n",
    "a line end": b"\r\n",
}


@pytest.mark.parametrize("name", EXTRAS)
@pytest.mark.parametrize("pause_s", [0.0, 0.05], ids=["at once", "while idle"])
async def test_bytes_that_nobody_asked_for_are_not_the_next_answer(
    name: str, pause_s: float
) -> None:
    async def step(_: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        if number > 1:
            writer.write(BAD)
            return
        writer.write(OK)
        await asyncio.sleep(pause_s)
        writer.write(EXTRAS[name])

    async with stepping(step) as receiver, sender() as made:
        assert (await made.send(request(receiver))).outcome is Outcome.SUCCEEDED
        await asyncio.sleep(2 * pause_s)
        assert (await made.send(request(receiver))).status == 500
        assert receiver.requests == [1, 1], "a connection of its own"


async def test_bytes_that_lie_unread_when_a_request_is_written_are_not_its_answer() -> None:
    """They came in after the event loop looked last: no callback has told of them yet."""
    extra, put = asyncio.Event(), asyncio.Event()

    async def step(_: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        writer.write(OK if number == 1 else BAD)
        if number == 1:
            await writer.drain()
            await extra.wait()
            # Straight into the kernel's buffer of the other side, before this turn's writes.
            assert os.write(writer.get_extra_info("socket").fileno(), OK) == len(OK)
            put.set()

    async with stepping(step) as receiver, sender() as made:
        assert (await made.send(request(receiver))).outcome is Outcome.SUCCEEDED
        extra.set()
        assert (await made.send(request(receiver))).status == 500
        assert put.is_set()
        assert receiver.requests == [1, 1], "the first connection had bytes on it"


@pytest.mark.parametrize("turns", [0, 1], ids=["unread", "read"])
async def test_what_a_new_connection_brings_along_is_no_answer(turns: int) -> None:
    ours, theirs = socket.socketpair()
    with theirs:
        loop = asyncio.get_running_loop()
        transport, protocol = await loop.create_connection(lambda: Exchanging(loop), sock=ours)
        answer = protocol.expect(AnswerReader(1024, 1024), loop.time() + 5, in_full=True)
        theirs.send(OK)
        for _ in range(3 * turns):
            await asyncio.sleep(0)
        protocol.write(b"POST / HTTP/1.1\r\n\r\n")
        with pytest.raises(StaleConnection):
            await answer
        assert transport.is_closing()


async def test_an_answer_before_the_body_was_sent_counts_and_ends_the_connection() -> None:
    """What is left of the body would be the beginning of the next request."""
    connections = 0

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await reader.readuntil(b"\r\n\r\n")
        writer.write(OK)
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        await done.wait()
        writer.close()

    done = asyncio.Event()
    async with await asyncio.start_server(handle, HOST, 0) as listening, sender() as made:
        uri = f"http://{HOST}:{listening.sockets[0].getsockname()[1]}/"
        for _ in range(2):
            response = await made.send(Request("POST", uri, "", {}, bytes(16_000_000)))
            assert response.outcome is Outcome.SUCCEEDED
        done.set()
    assert connections == 2


@pytest.mark.parametrize("verb", ["POST", "PUT", "GET"])
async def test_a_kept_connection_closed_just_as_it_is_used_costs_no_attempt(verb: str) -> None:
    async def step(_: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        if number % 2:
            writer.write(OK)
        else:
            raise ConnectionResetError  # took the request, and closes without a word

    async with stepping(step) as receiver, sender() as made:
        assert (await made.send(request(receiver, verb))).outcome is Outcome.SUCCEEDED
        assert (await made.send(request(receiver, verb))).outcome is Outcome.SUCCEEDED
        assert receiver.requests == [2, 1]


async def test_a_new_connection_that_dies_is_not_tried_again() -> None:
    async def step(_: asyncio.StreamReader, __: asyncio.StreamWriter, ___: int) -> None:
        raise ConnectionResetError

    async with stepping(step) as receiver, sender() as made:
        assert (await made.send(request(receiver))).outcome is Outcome.RESET
        assert receiver.requests == [1]


async def test_a_kept_connection_that_dies_after_a_byte_of_its_answer_is_not_repeated() -> None:
    async def step(_: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        writer.write(OK if number == 1 else b"H")
        await writer.drain()
        if number > 1:
            raise ConnectionResetError

    async with stepping(step) as receiver, sender() as made:
        assert (await made.send(request(receiver))).outcome is Outcome.SUCCEEDED
        assert (await made.send(request(receiver))).outcome is Outcome.RESET
        assert receiver.requests == [2]
