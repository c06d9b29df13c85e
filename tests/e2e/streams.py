"""What the tests of live streams share: a reader of a stream, and a command that goes on."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from service.dev.process import ServiceProcess
from service.tools.event_stream import EventParser
from tests.api_client import Client
from tests.e2e.harness import eventually, logged


class Reader:
    """Reads a stream event by event."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response
        self._parser = EventParser()
        self._events: list[tuple[str, str]] = []

    async def next(self, timeout_s: float = 5) -> tuple[str, Any]:
        """Return name and data of the next event. Raises EOFError, TimeoutError."""
        async with asyncio.timeout(timeout_s):
            while not self._events:
                chunk = await self._response.content.readany()
                if not chunk:
                    raise EOFError
                self._events += self._parser.feed(chunk)
        name, data = self._events.pop(0)
        return name, json.loads(data)


@asynccontextmanager
async def reading(
    api: Client, path: str, *workers: ServiceProcess, **query: str
) -> AsyncIterator[tuple[Reader, Any]]:
    """Open a stream; yield it with the data of its first event once these workers know of it."""
    before = {worker: len(logged(worker, "live.wanted")) for worker in workers}
    url = f"{api.url}/v2/accounts/{api.account_id}/stream/{path}"
    headers = {"X-Auth-Token": api.token or ""}
    async with api.session.get(url, params=query, headers=headers) as response:
        assert response.status == 200, await response.text()
        assert response.content_type == "text/event-stream"
        reader = Reader(response)
        name, start = await reader.next()
        assert name == "start"

        async def known() -> bool:
            return all(len(logged(one, "live.wanted")) > count for one, count in before.items())

        await eventually(known, what="that all workers know of the stream")
        yield reader, start


class Running:
    """A command that runs until it is interrupted; `lines` has all it printed."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.lines: list[str] = []
        self._arrival = asyncio.Condition()

    async def collect(self, stream: asyncio.StreamReader) -> None:
        while line := await stream.readline():
            async with self._arrival:
                self.lines.append(line.decode().rstrip("\n"))
                self._arrival.notify_all()

    async def until(self, wanted: Callable[[str], bool], timeout_s: float = 30) -> str:
        """Return the first line that fits. Raises AssertionError with what there is."""

        def found() -> list[str]:
            return [line for line in self.lines if wanted(line)]

        try:
            async with asyncio.timeout(timeout_s), self._arrival:
                await self._arrival.wait_for(found)
        except TimeoutError:
            raise AssertionError(self.lines) from None
        return found()[0]

    def type(self, text: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(text.encode())

    async def interrupt(self) -> int:
        """Press Ctrl-C; return the exit code."""
        self.process.send_signal(signal.SIGINT)
        return await asyncio.wait_for(self.process.wait(), 10)


@asynccontextmanager
async def command(*arguments: str, **environment: str) -> AsyncIterator[Running]:
    """Run `switchhook` with these arguments while the block runs."""
    clean = {key: value for key, value in os.environ.items() if key[:11] != "SWITCHHOOK_"}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "service", *arguments),
        env={**clean, **environment},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        limit=2**22,
    )
    running = Running(process)
    async with asyncio.TaskGroup() as tasks:
        for stream in (process.stdout, process.stderr):
            assert stream is not None
            tasks.create_task(running.collect(stream))
        try:
            yield running
        finally:
            if process.returncode is None:
                process.kill()
