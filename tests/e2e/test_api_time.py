"""Connections to the API that are slow, idle or many: real sockets against the running service."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, suppress
from pathlib import Path

import pytest

from service.dev.process import ServiceProcess
from service.dev.receiver import Receiver, ScriptedAnswer
from service.dev.servers import HOST
from tests.api_client import Client
from tests.conftest import Documents
from tests.e2e.harness import ACCOUNT, call_event, eventually, switch, webhook_document
from tests.e2e.shared_service import SharedService, StartShared
from tests.e2e.strict import GOOD
from tests.e2e.wire import Wire, connected, exchanged, read_answer

HEADERS_S, BODY_S, IDLE_S = 1.0, 1.5, 2.0
MOST, PER_ADDRESS = 30, 20
LATE_S = 2.0
"""How much later than its deadline a connection may end, on a busy machine."""
STEP_S = 0.2
"""Pause of a slow client after each byte."""
ESTABLISHED = "01"
HEALTH = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
FIND_HOOKS = b"GET /v2/webhooks HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.fixture(scope="module")
async def hurried(new_shared: StartShared) -> AsyncIterator[SharedService]:
    """A service with short deadlines, that bears few connections."""
    limits = {
        "SWITCHHOOK_API__HEADER_TIMEOUT_S": str(HEADERS_S),
        "SWITCHHOOK_API__BODY_TIMEOUT_S": str(BODY_S),
        "SWITCHHOOK_API__IDLE_TIMEOUT_S": str(IDLE_S),
        "SWITCHHOOK_API__MAX_CONNECTIONS": str(MOST),
        "SWITCHHOOK_API__MAX_CONNECTIONS_PER_ADDRESS": str(PER_ADDRESS),
    }
    async with new_shared(**limits) as running:
        yield running


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as open_:
        yield open_


async def trickle(writer: asyncio.StreamWriter, text: bytes) -> None:
    """Send a byte at a time, until the text is over or the connection is."""
    with suppress(ConnectionError):
        for byte in text:
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(STEP_S)


async def lived_s(reader: asyncio.StreamReader) -> float:
    """Return how long it takes from now until the other side ends the connection."""
    began = time.monotonic()
    with suppress(ConnectionError):
        async with asyncio.timeout(60):
            await reader.read()
    return time.monotonic() - began


def head(api: Client, method: str, length: int) -> bytes:
    """Return the headers of a request for the account's webhooks."""
    return (
        f"{method} /v2/accounts/{api.account_id}/webhooks HTTP/1.1\r\nHost: x\r\n"
        f"X-Auth-Token: {api.token}\r\nContent-Length: {length}\r\n\r\n"
    ).encode()


@pytest.mark.parametrize("said", [b"", b"G", FIND_HOOKS[:30]], ids=["nothing", "a byte", "some"])
async def test_headers_that_do_not_come_end_the_connection(
    hurried: SharedService, said: bytes
) -> None:
    async with connected(hurried.service.port) as (reader, writer):
        writer.write(said)
        assert HEADERS_S - 0.2 <= await lived_s(reader) < HEADERS_S + LATE_S


async def test_headers_that_come_byte_by_byte_end_the_connection(hurried: SharedService) -> None:
    async with connected(hurried.service.port) as (reader, writer), asyncio.TaskGroup() as tasks:
        slow = tasks.create_task(trickle(writer, FIND_HOOKS * 10))
        assert HEADERS_S - 0.2 <= await lived_s(reader) < HEADERS_S + LATE_S
        slow.cancel()


async def test_a_second_request_must_not_be_slower_than_the_first(hurried: SharedService) -> None:
    async with connected(hurried.service.port) as (reader, writer):
        writer.write(FIND_HOOKS)
        assert (await read_answer(reader)).status == 200
        async with asyncio.TaskGroup() as tasks:
            slow = tasks.create_task(trickle(writer, FIND_HOOKS * 10))
            assert HEADERS_S - 0.2 <= await lived_s(reader) < HEADERS_S + LATE_S
            slow.cancel()


async def test_a_slow_body_is_answered_408_and_the_connection_ends(hurried: SharedService) -> None:
    api = await hurried.tenant()
    body = json.dumps(GOOD).encode() + b" " * 1000
    async with connected(hurried.service.port) as (reader, writer):
        writer.write(head(api, "PUT", len(body)))
        began = time.monotonic()
        async with asyncio.TaskGroup() as tasks:
            slow = tasks.create_task(trickle(writer, body))
            answer = await read_answer(reader)
            assert BODY_S - 0.2 <= time.monotonic() - began < BODY_S + LATE_S
            assert (answer.status, answer.envelope["message"]) == (408, "request_timeout")
            assert answer.headers["connection"] == "close"
            assert await lived_s(reader) < IDLE_S + LATE_S
            slow.cancel()
    assert (await api.get("webhooks")).data == []


async def test_a_slow_body_that_nobody_wants_ends_as_well(hurried: SharedService) -> None:
    api = hurried.client("swh_0123456789ab_wrong", "x", hurried.service)
    async with connected(hurried.service.port) as (reader, writer):
        writer.write(head(api, "PUT", 1000))
        assert (await read_answer(reader)).status == 401
        async with asyncio.TaskGroup() as tasks:
            slow = tasks.create_task(trickle(writer, b" " * 1000))
            assert await lived_s(reader) < IDLE_S + LATE_S
            slow.cancel()


async def test_an_idle_connection_is_kept_for_a_while_and_then_closed(
    hurried: SharedService,
) -> None:
    async with connected(hurried.service.port) as (reader, writer):
        for pause_s in (0, IDLE_S / 2, IDLE_S / 2):
            await asyncio.sleep(pause_s)
            writer.write(FIND_HOOKS)
            assert (await read_answer(reader)).status == 200
        assert IDLE_S - 0.2 <= await lived_s(reader) < IDLE_S + LATE_S


async def test_a_client_that_takes_no_answers_is_cut_off(hurried: SharedService) -> None:
    async with connected(hurried.service.port) as (reader, writer):
        writer.write(FIND_HOOKS)
        assert (await read_answer(reader)).status == 200
        own = writer.get_extra_info("sockname")
        assert is_open(hurried.service, own[1])
        # Nobody reads: the stream's own buffer stops at 128 KiB, then those of the kernel fill up.
        for _ in range(2000):
            writer.write(b"GET /v2/openapi.json HTTP/1.1\r\nHost: x\r\n\r\n")

        async def cut_off() -> bool:
            return not is_open(hurried.service, own[1])

        await eventually(cut_off, IDLE_S + 3 * LATE_S + 10, "the end of the connection")


async def test_a_request_that_takes_its_time_to_answer_is_not_cut_off(
    hurried: SharedService, receiver: Receiver
) -> None:
    api = await hurried.tenant()
    slow_s = max(HEADERS_S, BODY_S, IDLE_S) + 1
    receiver.script("/slow", ScriptedAnswer(200, delay_s=slow_s))
    webhook = await api.create(receiver.url("/slow"), timeout_s=10)
    reply = await api.post(f"webhooks/{webhook['id']}/test")
    assert (reply.status, reply.data["outcome"]) == (200, "succeeded")
    assert reply.data["duration_ms"] > slow_s * 900


async def opened(stack: AsyncExitStack, port: int, count: int, *hosts: str) -> list[Wire]:
    """Open so many silent connections from each of the addresses; they last until the end."""
    wires: list[Wire] = []
    for host in hosts:
        for _ in range(count):
            reader, writer = await asyncio.open_connection(HOST, port, local_addr=(host, 0))
            stack.callback(writer.transport.abort)
            wires.append((reader, writer))
    return wires


async def test_an_address_has_so_many_connections_and_no_more(
    hurried: SharedService, stack: AsyncExitStack
) -> None:
    port = hurried.service.port
    wires = await opened(stack, port, PER_ADDRESS, "127.0.0.2")
    for _, writer in wires:
        writer.write(FIND_HOOKS)
    assert [(await read_answer(reader)).status for reader, _ in wires] == [200] * PER_ADDRESS
    ((reader, _),) = await opened(stack, port, 1, "127.0.0.2")
    refused = await read_answer(reader)
    assert (refused.status, refused.envelope["message"]) == (503, "too_many_connections")
    assert refused.envelope["request_id"] == refused.headers["x-request-id"]
    assert await reader.read() == b""
    assert (await exchanged(port, FIND_HOOKS)).status == 200, "another address"
    wires[0][1].close()

    async def let_in() -> bool:
        ((reader, writer),) = await opened(stack, port, 1, "127.0.0.2")
        writer.write(FIND_HOOKS)
        return (await read_answer(reader)).status == 200

    await eventually(let_in, what="room for another connection")


async def test_the_health_of_a_service_is_seen_however_many_are_connected(
    hurried: SharedService, stack: AsyncExitStack
) -> None:
    port, before = hurried.service.port, connections_of(hurried.service)
    busy = await opened(stack, port, 1, "127.0.0.9")
    hosts = [f"127.0.0.{number}" for number in range(10, 20)]
    flood = await opened(stack, port, PER_ADDRESS, *hosts)

    async def within_bounds() -> bool:
        # The kernel completes connections that the service has not accepted yet.
        return connections_of(hurried.service) <= before + MOST

    await eventually(within_bounds, what="the connections beyond the bound to be closed")
    answer = await exchanged(port, HEALTH)
    assert answer.status == 200
    assert await busy[0][0].read() == b"", "the one that waited longest had to go"
    assert connections_of(hurried.service) <= before + MOST
    del flood


async def test_deliveries_have_descriptors_however_many_are_connected(
    settings: dict[str, str],
    tmp_path: Path,
    database: Documents,
    receiver: Receiver,
    stack: AsyncExitStack,
) -> None:
    await database["webhooks"].insert_one(webhook_document(receiver.url("/hook")))
    receiver.script("/hook", ScriptedAnswer(200, delay_s=0.5))
    # The default would be 400 connections of the API, and 200 of the pool.
    few = FewDescriptors(tmp_path / "few", settings)
    stack.push_async_callback(few.stop)
    await few.start()
    assert "api.connections_capped" in few.log.read_text()
    flood = await opened(stack, few.port, 100, *[f"127.0.0.{number}" for number in range(2, 9)])

    async def capped() -> bool:
        # The kernel completes connections that the service has not accepted yet.
        return connections_of(few) < FewDescriptors.COUNT - 200

    await eventually(capped, what="the connections beyond the bound to be closed")
    async with switch(settings["SWITCHHOOK_AMQP__URL"]) as kazoo:
        for number in range(150):
            await kazoo.publish(call_event(f"call-{number}", account_id=ACCOUNT))

    async def delivered() -> bool:
        return len(receiver.requests) >= 150

    await eventually(delivered, 30, "150 deliveries")
    log = few.log.read_text()
    assert "Too many open files" not in log
    assert "nothing_sent" not in log
    rows = await database["attempts"].count_documents({"outcome": {"$ne": "succeeded"}})
    assert rows == 0
    del flood


class FewDescriptors(ServiceProcess):
    """A service that may open few files and sockets."""

    COUNT = 600

    def command(self) -> Sequence[str]:
        return ["prlimit", f"--nofile={self.COUNT}:{self.COUNT}", *super().command()]


def is_open(service: ServiceProcess, peer_port: int) -> bool:
    """Return whether the service's end of a connection from a port of ours is open."""
    ends = f"0100007F:{service.port:04X} 0100007F:{peer_port:04X} "
    rows = Path(f"/proc/{service.pid}/net/tcp").read_text("ascii").splitlines()
    return any(ends in row and row.split()[3] == ESTABLISHED for row in rows)


def connections_of(service: ServiceProcess) -> int:
    """Return how many connections to its API the service has open."""
    port = f":{service.port:04X}"
    rows = Path(f"/proc/{service.pid}/net/tcp").read_text("ascii").splitlines()
    ours = (row.split() for row in rows[1:])
    return sum(1 for row in ours if row[1].endswith(port) and row[3] == ESTABLISHED)
