"""Self-test of the fast path over a loopback socket, with the installed aiohttp."""

import asyncio
from ipaddress import ip_network
from traceback import extract_tb

from yarl import URL

from service.adapters.http.dialling import JudgingResolver, judged_connector
from service.adapters.http.exchange import FastWay
from service.adapters.http.tls import EVERYBODY, verifying_context
from service.domain.delivery import Request
from service.domain.policy import EgressPolicy, HttpPolicy, TlsPolicy
from service.egress.guard import EgressGuard, System

HOST = "127.0.0.1"
TRY_FOR_S = 5.0
BODY = b'{"tried": true}'
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

SCRIPT = (
    OK,
    b"HTTP/1.1 204 No Content\r\n\r\n",
    CHUNKED + b"1\r\no\r\n1\r\nk\r\n0\r\n\r\n",
    b"",  # closes without an answer: the request must be repeated on a new connection
    OK + OK,  # the second answers no request
    b"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n",
    OK[:-1],  # closes before the body's end
)
EXPECTED = [(200, b"ok"), (204, b""), (200, b"ok"), (200, b"ok"), (500, b""), (200, b"o")]
REQUESTS_EACH = [4, 1, 2]
"""Requests received on each connection."""


async def problem_of_fast_path() -> str | None:
    """Return why the fast path must not be used, or None if it works."""
    receiver = _Receiver()
    try:
        async with asyncio.timeout(TRY_FOR_S):
            listening = await asyncio.start_server(receiver.handle, HOST, 0)
            async with listening:
                port: int = listening.sockets[0].getsockname()[1]
                answers = await _exchanged(port)
    except TimeoutError:
        return "the self-test got no answer"
    except Exception as error:  # a changed driver may raise anything
        return told_of(error)
    if answers != EXPECTED:
        return f"the self-test got the answers {answers}"
    if receiver.requests != REQUESTS_EACH:
        return f"the self-test sent {receiver.requests} requests on its connections"
    return None


def told_of(error: Exception) -> str:
    """Return an error with the place where it was raised."""
    place = extract_tb(error.__traceback__)[-1]
    return f"{error!r} in {place.name}, line {place.lineno} of {place.filename}"


class _Receiver:
    """Receiver that answers by the script on all connections; counts the requests of each."""

    def __init__(self) -> None:
        self.requests: list[int] = []
        self._script = iter(SCRIPT)

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        mine = len(self.requests)
        self.requests.append(0)
        try:
            while await reader.readuntil(b"\r\n\r\n" + BODY):
                self.requests[mine] += 1
                answer = next(self._script)
                writer.write(answer)
                if answer in (b"", SCRIPT[-1]):
                    return
        except (OSError, asyncio.IncompleteReadError, StopIteration):
            return
        finally:
            writer.close()


async def _exchanged(port: int) -> list[tuple[int, bytes]]:
    policy = HttpPolicy(total_timeout_s=TRY_FOR_S)
    guard = EgressGuard(EgressPolicy(allow=(ip_network(HOST),), deny_ports=()))
    resolver = JudgingResolver(guard, System())
    context = verifying_context(TlsPolicy())
    connector = judged_connector(guard, System(), resolver, context, 2, kept=True)
    try:
        way = FastWay({EVERYBODY: connector}, policy)
        uri = f"http://{HOST}:{port}/tried?a=%2F"
        send = way.towards(URL(uri, encoded=True))
        request = Request("POST", uri, "", {"X-Tried": "yes"}, BODY, in_full=True)
        answers = [await send(request) for _ in EXPECTED]
        return [(answer.status, answer.body) for answer in answers]
    finally:
        await connector.close()
        await resolver.close()
