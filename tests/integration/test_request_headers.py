"""What goes over the wire: our headers, and of the account's only what is allowed."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import ip_network
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from service.adapters.http.sender import HttpSender
from service.dev.servers import HOST
from service.documents.webhook import BadDocument, webhook_of
from service.domain.delivery import Outcome
from service.domain.policy import EgressPolicy, HttpPolicy
from service.domain.request_headers import OUR_PREFIXES, OURS, problem_with_header
from service.observability.metrics import Metrics
from tests.builders import ACCOUNT, NOW, make_delivery
from tests.dialects import content_of, request_of

pytestmark = pytest.mark.usefixtures("either_way")

LOOPBACK = EgressPolicy(allow=(ip_network("127.0.0.0/8"),))
DENIED = (*sorted(OURS), *(f"{prefix}anything" for prefix in OUR_PREFIXES))
SECURITY_NOTES = {
    "host", "content-length", "transfer-encoding", "connection", "keep-alive", "te", "trailer",
    "upgrade", "expect", "proxy-authorization", "proxy-connection", "content-encoding",
    "content-type", "accept-encoding", "cookie", "date", "forwarded", "x-forwarded-for",
    "x-forwarded-host", "via", "webhook-id", "webhook-signature", "x-switchhook-attempt",
    "x-hook-id", "x-account-id", "user-agent",
}  # fmt: skip


@asynccontextmanager
async def sink() -> AsyncIterator[tuple[int, asyncio.Future[bytes]]]:
    """Yield the port of a server that notes its first request, byte for byte."""
    received: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        await asyncio.sleep(0.05)
        received.set_result(head + await reader.read(65_536))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(handle, HOST, 0) as listening:
        yield listening.sockets[0].getsockname()[1], received


def document(port: int, **members: Any) -> dict[str, Any]:
    uri = f"http://{HOST}:{port}/hook"
    return {"_id": "w", "account_id": ACCOUNT, "hook": "all", "uri": uri, **members}


async def sent(headers: dict[str, Any], **members: Any) -> tuple[list[tuple[str, str]], bytes]:
    """Return the header lines and the body of a webhook's request as they went over the wire."""
    sender = HttpSender(HttpPolicy(), LOOPBACK, Metrics(CollectorRegistry(), []))
    await sender.prepare()
    async with sink() as (port, received):
        webhook = webhook_of(document(port, headers=headers, **members))
        encoder = content_of({"a": "b"}, None)
        request = request_of(make_delivery(), webhook, encoder, 1, NOW)
        assert (await sender.send(request)).outcome is Outcome.SUCCEEDED
        head, _, body = (await received).partition(b"\r\n\r\n")
    await sender.close()
    lines = [line.partition(": ") for line in head.decode().split("\r\n")[1:]]
    return [(name, value) for name, _, value in lines], body


async def test_allowed_headers_arrive_as_they_are_and_ours_exactly_once(
    either_way: bool,
) -> None:
    lines, body = await sent({"X-Token": "a b\t~", "authorization": "Key hush"})
    assert ("X-Token", "a b\t~") in lines
    assert ("authorization", "Key hush") in lines
    closing = [] if either_way else [("Connection", "close")]
    assert [line for line in lines if line[0] == "Connection"] == closing
    assert sorted(name.lower() for name, _ in lines if name != "Connection") == [
        "accept-encoding", "authorization", "content-length", "content-type", "host", "user-agent",
        "webhook-id", "webhook-timestamp", "x-account-id", "x-hook-id", "x-switchhook-attempt",
        "x-switchhook-schema", "x-token",
    ]  # fmt: skip
    assert dict(lines)["Content-Length"] == str(len(body))
    assert body == b"a=b"


async def test_credentials_stand_there_once() -> None:
    auth = {"type": "bearer", "token": "new"}
    lines, _ = await sent({"AUTHORIZATION": "old"}, auth=auth)
    assert [line for line in lines if line[0].lower() == "authorization"] == [
        ("Authorization", "Bearer new")
    ]


def test_the_list_is_complete() -> None:
    assert all(problem_with_header(name, "x") for name in SECURITY_NOTES)


@pytest.mark.parametrize("name", DENIED)
def test_a_header_of_ours_cannot_be_set_in_any_letters(name: str) -> None:
    for spelling in (name, name.upper(), name.title(), name.replace("-", "_")):
        assert problem_with_header(spelling, "x") == f"{spelling} cannot be set"
        with pytest.raises(BadDocument, match="cannot be set"):
            webhook_of(document(1, headers={spelling: "x"}))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("", "x"), ("X Y", "x"), ("X:", "x"), ("X\r\nHost", "x"), ("X\0", "x"), ("Ž", "x"),
        ("X", ""), ("X", "a\r\nHost: evil"), ("X", "a\nb"), ("X", "a\0"), ("X", "Ž"), ("X", " x"),
        ("X", "x "), ("X", "x" * 4097), ("X", 1), ("X", None), ("X" * 101, "x"),
    ],
)  # fmt: skip
def test_nothing_is_injected_by_a_name_or_a_value(name: str, value: Any) -> None:
    assert problem_with_header(name, value) is not None
    with pytest.raises(BadDocument):
        webhook_of(document(1, headers={name: value}))
