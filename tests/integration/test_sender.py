"""The sender against receivers that behave badly: an outcome for everything, and nothing hangs."""

import asyncio
import gc
import gzip
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import ExitStack, asynccontextmanager
from ipaddress import ip_network
from socket import SO_LINGER, SOL_SOCKET

import pytest
from prometheus_client import CollectorRegistry

from service.adapters.http.sender import HttpSender
from service.dev.receiver import Receiver, ScriptedAnswer
from service.dev.servers import HOST, free_port
from service.domain.delivery import Outcome, Request, Response
from service.domain.policy import EgressPolicy, HttpPolicy
from service.observability.metrics import Metrics

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

LOOPBACK = EgressPolicy(allow=(ip_network("127.0.0.0/8"),))
QUICK = HttpPolicy(connect_timeout_s=0.5, total_timeout_s=1.0, response_body_bytes=4096)


@asynccontextmanager
async def sender(
    egress: EgressPolicy = LOOPBACK, http: HttpPolicy = QUICK
) -> AsyncIterator[HttpSender]:
    made = HttpSender(http, egress, Metrics(CollectorRegistry(), []))
    await made.prepare()
    try:
        yield made
    finally:
        await made.close()


async def send(uri: str, egress: EgressPolicy = LOOPBACK) -> Response:
    async with sender(egress) as made:
        return await made.send(Request("POST", uri, "", {"X-Hook-ID": "h"}, b"{}"))


@asynccontextmanager
async def server(serve: Serve) -> AsyncIterator[str]:
    """Serve raw bytes: most of these answers no web framework would send."""
    tasks: set[asyncio.Task[None]] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            tasks.add(task)
        try:
            await reader.readuntil(b"\r\n\r\n{}")
            await serve(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()

    listening = await asyncio.start_server(handle, HOST, 0)
    port = listening.sockets[0].getsockname()[1]
    try:
        yield f"http://{HOST}:{port}/"
    finally:
        for task in tasks:
            task.cancel()
        listening.close()


def saying(*parts: bytes, pause_s: float = 0.0) -> Serve:
    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for part in parts:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(pause_s)

    return serve


async def resetting(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.get_extra_info("socket").setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def silent(_: asyncio.StreamReader, __: asyncio.StreamWriter) -> None:
    await asyncio.sleep(60)


async def endless_body(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        writer.write(b"x" * 65_536)
        await writer.drain()


async def drip(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(OK + b"X: ")
    while True:
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.2)


async def endless_headers(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(OK)
    while True:
        writer.write(b"X-Header: value\r\n" * 1000)
        await writer.drain()


async def endless_promises(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n")
        await writer.drain()
        await asyncio.sleep(0.001)


async def refusing_early(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")


OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"
TWO_BYTES = b"Content-Length: 2\r\n\r\n"
BOMB = gzip.compress(bytes(10_000_000))


@pytest.mark.parametrize(
    ("serve", "outcome", "status"),
    [
        (saying(OK + b"Content-Length: 2\r\n\r\nhi"), Outcome.SUCCEEDED, 200),
        (saying(OK + b"Content-Length: 99\r\n\r\ncut"), Outcome.SUCCEEDED, 200),
        (saying(b"HTTP/1.1 204 No Content\r\n\r\n"), Outcome.SUCCEEDED, 204),
        (saying(b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n"), Outcome.REDIRECTED, 302),
        (saying(b"HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n"), Outcome.GONE, 410),
        (saying(b"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n"), Outcome.BAD_STATUS, 500),
        (saying(b"garbage\r\n\r\n"), Outcome.BAD_RESPONSE, None),
        (saying(OK + b"X: " + 20_000 * b"x" + b"\r\n\r\n"), Outcome.SUCCEEDED, 200),
        (saying(b""), Outcome.RESET, None),
        (resetting, Outcome.RESET, None),
        (silent, Outcome.TIMED_OUT, None),
        (drip, Outcome.SUCCEEDED, 200),
        (endless_body, Outcome.SUCCEEDED, 200),
        (saying(OK + b"\r\n", *[b"x"] * 100, pause_s=0.2), Outcome.SUCCEEDED, 200),
        (saying(OK + b"Content-Encoding: gzip\r\n\r\n" + BOMB), Outcome.SUCCEEDED, 200),
        (endless_headers, Outcome.SUCCEEDED, 200),
        (endless_promises, Outcome.TIMED_OUT, None),
        (saying(b"HTTP/1.1 200 " + 200_000 * b"O" + b"\r\n\r\n"), Outcome.BAD_RESPONSE, None),
        (saying(OK + TWO_BYTES[:-2] + CHUNKED + b"0\r\n\r\n"), Outcome.SUCCEEDED, 200),
        (saying(OK + b"Content-Length: 1\r\n" + TWO_BYTES + b"ab"), Outcome.SUCCEEDED, 200),
        (saying(OK + b"Content-Length: -1\r\n\r\nab"), Outcome.SUCCEEDED, 200),
        (saying(OK + CHUNKED, b"ZZ\r\n", pause_s=0.1), Outcome.SUCCEEDED, 200),
        (saying(b"<html>of HTTP/0.9</html>"), Outcome.BAD_RESPONSE, None),
        (saying(b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n"), Outcome.BAD_STATUS, 101),
        (saying(b"HTTP/1.1 999 Odd\r\nContent-Length: 0\r\n\r\n"), Outcome.BAD_STATUS, 999),
        (refusing_early, Outcome.BAD_STATUS, 413),
    ],
    ids=[
        "ok", "short-body", "no-content", "redirect", "gone", "server-error", "garbage",
        "huge-header", "closes", "resets", "silent", "drips-headers", "endless-body", "drips-body",
        "gzip-bomb", "endless-headers", "endless-1xx", "huge-status-line", "two-lengths-of-body",
        "two-content-lengths", "negative-length", "bad-chunk", "http-0.9", "upgrade", "odd-status",
        "refuses-early",
    ],
)  # fmt: skip
async def test_every_answer_has_its_outcome_within_the_deadline(
    serve: Serve, outcome: Outcome, status: int | None
) -> None:
    started = asyncio.get_running_loop().time()
    async with server(serve) as uri:
        response = await send(uri)
    assert (response.outcome, response.status) == (outcome, status), response
    assert asyncio.get_running_loop().time() - started < 3 * QUICK.total_timeout_s
    assert len(response.body) <= QUICK.response_body_bytes


async def test_what_is_kept_of_an_answer_is_neither_unpacked_nor_without_bounds() -> None:
    lines = b"".join(b"X-%d: %s\r\n" % (number, 1050 * b"v") for number in range(60))
    answer = b"HTTP/1.1 500 Oh\r\nContent-Encoding: gzip\r\n" + lines + b"\r\n" + BOMB
    async with server(saying(answer)) as uri:
        response = await send(uri)
    assert response.status == 500
    assert response.body == BOMB[: QUICK.response_body_bytes]
    assert len(response.headers) == 50
    assert max(len(value) for _, value in response.headers) == 1024


async def test_a_refused_connection_and_an_unknown_name_have_their_own_outcomes() -> None:
    assert (await send(f"http://{HOST}:{free_port()}/")).outcome is Outcome.REFUSED
    assert (await send("http://no-such-name.example/")).outcome is Outcome.DNS_FAILED


@pytest.mark.parametrize("serve", [resetting, silent, saying(b"garbage\r\n\r\n"), None])
async def test_a_failed_request_does_not_wait_for_the_garbage_collector(
    serve: Serve | None, receiver: Receiver
) -> None:
    refused, no_tls = f"http://{HOST}:{free_port()}/", receiver.url("/").replace("http:", "https:")
    gc.collect()
    gc.disable()
    try:
        async with server(serve or silent) as uri:
            uris = {uri} if serve else {refused, no_tls, "http://no-such-name.example/"}
            for failing in uris:
                assert not (await send(failing)).outcome.succeeded
        requests = [found for found in gc.get_objects() if type(found) is Request]
        assert [request.uri for request in requests if request.uri in uris] == []
    finally:
        gc.enable()


async def test_a_certificate_nobody_vouches_for_is_a_tls_failure(receiver: Receiver) -> None:
    response = await send(receiver.url("/").replace("http:", "https:"))
    assert response.outcome is Outcome.TLS_FAILED


async def test_plain_http_is_refused_where_the_policy_says_so(receiver: Receiver) -> None:
    strict = EgressPolicy(allow=LOOPBACK.allow, require_https=True)
    assert (await send(receiver.url("/"), strict)).outcome is Outcome.EGRESS_REFUSED
    assert receiver.requests == []


async def test_a_redirect_is_not_followed_and_cookies_are_not_kept(receiver: Receiver) -> None:
    away = {"Location": receiver.url("/inside"), "Set-Cookie": "a=b"}
    receiver.script("/", ScriptedAnswer(307, headers=away))
    async with sender() as made:
        request = Request("POST", receiver.url("/"), "", {}, b"{}")
        assert (await made.send(request)).outcome is Outcome.REDIRECTED
        await made.send(request)
    assert [r.path for r in receiver.requests] == ["/", "/"]
    assert "Cookie" not in receiver.requests[1].headers


async def test_proxies_of_the_environment_are_not_used(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", f"http://{HOST}:{free_port()}")
    assert (await send(receiver.url("/"))).outcome is Outcome.SUCCEEDED


async def test_the_query_is_appended_as_it_is_and_escapes_of_the_uri_stay(
    receiver: Receiver,
) -> None:
    async with sender() as made:
        await made.send(Request("GET", receiver.url("/a%2Fb?x=%26"), "k%5Ba%5D=1+2", {}, None))
        await made.send(Request("GET", receiver.url("/plain"), "k=1", {}, None))
    first, second = receiver.requests
    assert first.raw_path == "/a%2Fb?x=%26&k%5Ba%5D=1+2"
    assert second.raw_path == "/plain?k=1"
    assert "Content-Type" not in first.headers


async def test_a_connection_that_does_not_come_about_times_out_before_the_whole_does() -> None:
    # The kernel drops what comes to a listener whose queue of connections is full.
    with socket.create_server((HOST, 0), backlog=0) as full, ExitStack() as stack:
        address = full.getsockname()
        for _ in range(2):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(address)
        await asyncio.sleep(0.1)
        started = asyncio.get_running_loop().time()
        response = await send(f"http://{HOST}:{address[1]}/")
        took_s = asyncio.get_running_loop().time() - started
    assert response.outcome is Outcome.CONNECT_TIMED_OUT, response
    assert QUICK.connect_timeout_s <= took_s < QUICK.total_timeout_s
