"""Answers over real sockets, whole and cut at every byte: the status line decides."""

import asyncio

import pytest

from service.adapters.http.protocol import REST_S
from service.domain.delivery import Outcome, Request
from service.domain.policy import HttpPolicy
from tests.integration.test_sender import saying, sender, server

OK = b"HTTP/1.1 200 OK\r\n"
NO = b"HTTP/1.1 204 No Content\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"
TWO = b"Content-Length: 2\r\n"
SLOW = HttpPolicy(total_timeout_s=5.0)

LARGE = {
    "long header": OK + b"X: " + b"x" * 9000 + b"\r\n" + TWO + b"\r\nhi",
    "129 headers": OK + b"".join(b"X%d: y\r\n" % n for n in range(129)) + TWO + b"\r\nhi",
}
ODD = {
    "204 with a length": NO + b"Content-Length: 5\r\n\r\n",
    "204 with a body": NO + b"Content-Length: 5\r\n\r\nhello",
    "204 chunked": NO + CHUNKED + b"\r\n0\r\n\r\n",
    "bytes too many": OK + TWO + b"\r\nhi there",
    "bad chunk": OK + CHUNKED + b"\r\nZZ\r\nhi\r\n",
    "the same length twice": OK + TWO + TWO + b"\r\nhi",
    "identity": OK + b"Transfer-Encoding: identity\r\n" + TWO + b"\r\nhi",
    "line without a colon": OK + b"nonsense\r\n" + TWO + b"\r\nhi",
}


def cuts(whole: bytes) -> list[tuple[bytes, ...]]:
    """Return an answer whole and cut in two at every byte, a long one near its ends."""
    near = [at for at in range(1, len(whole)) if at < 60 or len(whole) - at < 60]
    return [(whole,), *((whole[:at], whole[at:]) for at in near)]


@pytest.mark.parametrize("name", LARGE | ODD)
async def test_an_odd_answer_of_success_delivers_however_the_network_cuts_it(name: str) -> None:
    async with sender(http=SLOW) as made:

        async def outcome(parts: tuple[bytes, ...]) -> Outcome:
            async with server(saying(*parts, pause_s=0.01)) as uri:
                return (await made.send(Request("POST", uri, "", {}, b"{}"))).outcome

        outcomes = await asyncio.gather(*map(outcome, cuts((LARGE | ODD)[name])))
    assert set(outcomes) == {Outcome.SUCCEEDED}


@pytest.mark.parametrize("name", ODD)
async def test_the_connection_of_an_odd_answer_is_not_used_again(name: str) -> None:
    connections = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        writer.write(ODD[name])
        assert await reader.read() == b"", "no second request comes"

    async with server(serve) as uri, sender() as made:
        for _ in range(2):
            response = await made.send(Request("POST", uri, "", {}, b"{}"))
            assert response.outcome is Outcome.SUCCEEDED
    assert connections == 2


async def test_an_answer_that_is_wanted_in_full_is_waited_for() -> None:
    """A token endpoint may say 200 at once and take its time for the token."""
    head = OK + b"Content-Length: 4\r\n\r\n"
    slowly = saying(head, b"tok", b"\n", pause_s=REST_S / 2 + 0.1)
    async with server(slowly) as uri, sender(http=SLOW) as made:
        whole = await made.send(Request("POST", uri, "", {}, b"{}", in_full=True))
    assert (whole.outcome, whole.body) == (Outcome.SUCCEEDED, b"tok\n")
