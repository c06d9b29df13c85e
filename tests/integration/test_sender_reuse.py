"""The sender against receivers that behave badly: an outcome for everything, and nothing hangs."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from service.dev.servers import HOST
from service.domain.delivery import Outcome, Request
from tests.integration.test_sender import OK, QUICK, sender, server


@asynccontextmanager
async def keeping_alive(requests_each: int) -> AsyncIterator[tuple[str, list[int]]]:
    """Serve so many requests on each connection, then close it; yield how many each one had."""
    served: list[int] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        served.append(0)
        mine = len(served) - 1
        while served[mine] < requests_each and await reader.readline():
            await reader.readuntil(b"{}")
            served[mine] += 1
            writer.write(OK + b"Content-Length: 0\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(handle, HOST, 0) as listening:
        yield f"http://{HOST}:{listening.sockets[0].getsockname()[1]}/", served


async def test_the_connection_is_used_again() -> None:
    async with keeping_alive(100) as (uri, served), sender() as made:
        for _ in range(5):
            response = await made.send(Request("POST", uri, "", {}, b"{}"))
            assert response.outcome is Outcome.SUCCEEDED
        assert served == [5]


async def test_a_connection_that_the_receiver_closed_meanwhile_costs_no_attempt() -> None:
    async with keeping_alive(2) as (uri, served), sender() as made:
        for _ in range(6):
            response = await made.send(Request("POST", uri, "", {}, b"{}"))
            assert response.outcome is Outcome.SUCCEEDED, served
            await asyncio.sleep(0.05)
        assert served == [2, 2, 2]


async def test_what_may_be_repeated_is_repeated_once_and_within_the_same_time() -> None:
    begun: list[float] = []

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not begun:
            begun.append(0.0)
            writer.write(OK + b"Content-Length: 0\r\n\r\n")
            await reader.readuntil(b"{}")
        begun.append(asyncio.get_running_loop().time())
        await asyncio.sleep(0.7 * QUICK.total_timeout_s)

    async with server(hang_up) as uri, sender() as made:
        request = Request("POST", uri, "", {}, b"{}")
        assert (await made.send(request)).outcome is Outcome.SUCCEEDED
        response = await made.send(request)
    assert response.outcome is Outcome.TIMED_OUT
    assert len(begun) == 3
    took_s = asyncio.get_running_loop().time() - begun[1]
    assert took_s < 1.3 * QUICK.total_timeout_s


@pytest.mark.parametrize("first_s", [0.6, 0.3, 5.0], ids=["as long", "shorter", "longer"])
async def test_each_request_on_a_connection_has_its_own_deadline(first_s: float) -> None:
    async with keeping_alive(2) as (uri, served), sender() as made:
        first = Request("POST", uri, "", {}, b"{}", first_s)
        assert (await made.send(first)).outcome is Outcome.SUCCEEDED
        await asyncio.sleep(0.2)
        started = asyncio.get_running_loop().time()
        # Half a body: the receiver waits for the rest of it.
        response = await made.send(Request("POST", uri, "", {}, b"{", 0.6))
        took_s = asyncio.get_running_loop().time() - started
    assert response.outcome is Outcome.TIMED_OUT
    assert served == [1]
    assert 0.595 < took_s < 2
