"""A receiver in a process of its own: it answers, counts, and records the age of each event.

    python -m service.bench.setting.receiver PORT...

Every path answers 200 except `/flaky` (503 to one in ten), `/slow` (after `SLOW_S`), `/uneven`
(after up to `UNEVEN_S`) and `/hang` (never); `/fixed` and `/changing` with a document for a call.
`/_status` returns the number of requests in nginx's format; `/_ages` returns, by path, the ages in
seconds of the events that arrived since its last call; `/_marks` returns, by path, the marks that
arrived since, each with its time in nanoseconds.
"""

import asyncio
import random
import re
import sys
import time
from collections import defaultdict

import orjson
import uvloop
from aiohttp import web

from service.dev.servers import HOST

FIXED, CHANGING = "/fixed", "/changing"
MENU = (
    "<Response><Say>Hello{}</Say><Gather action='/choice' numDigits='1'>"
    "<Say>Press 1 or 2</Say></Gather><Hangup/></Response>"
)
SLOW_S = 1.0
UNEVEN_S = 0.02
FLAKY_SHARE = 0.1

_STAMP = re.compile(rb'"(?:call_id|Call-ID)":"(\d+)-')
_MARK = re.compile(rb'"(mark\|[^"]*)"')


def call_id_of(published_ns: int, number: int) -> str:
    """Return a unique call id that contains the time at which its event was published."""
    return f"{published_ns}-{number}"


def published_ns_of(body: bytes) -> int | None:
    """Return when the event of a payload was published; None if the payload lacks it."""
    stamp = _STAMP.search(body)
    return int(stamp[1]) if stamp else None


class Receiver:
    """Counts requests and keeps the ages of their events."""

    def __init__(self) -> None:
        self._count = 0
        self._ages: defaultdict[str, list[float]] = defaultdict(list)
        self._marks: defaultdict[str, list[tuple[str, int]]] = defaultdict(list)

    async def handle(self, request: web.BaseRequest) -> web.Response:
        """Answer one request."""
        now_ns = time.monotonic_ns()
        self._count += 1
        if request.path == "/_status":
            return web.Response(text=f"accepts handled requests\n 0 0 {self._count} \n")
        if request.path == "/_ages":
            ages, self._ages = self._ages, defaultdict(list)
            return web.Response(body=orjson.dumps(ages))
        if request.path == "/_marks":
            marks, self._marks = self._marks, defaultdict(list)
            return web.Response(body=orjson.dumps(marks))
        if request.path in (FIXED, CHANGING):
            await request.read()
            text = MENU.format("" if request.path == FIXED else f" {self._count}")
            return web.Response(text=text, content_type="application/xml")
        self._note(request.path, await request.read(), now_ns)
        return await _answer(request.path)

    def _note(self, path: str, body: bytes, now_ns: int) -> None:
        mark = _MARK.search(body)
        if mark:
            self._marks[path].append((mark[1].decode(), now_ns))
            return
        published_ns = published_ns_of(body)
        if published_ns is not None:
            self._ages[path].append((now_ns - published_ns) / 1e9)


async def _answer(path: str) -> web.Response:
    if path == "/hang":
        await asyncio.Event().wait()
    if path == "/slow":
        await asyncio.sleep(SLOW_S)
    if path == "/uneven":
        await asyncio.sleep(random.uniform(0, UNEVEN_S))
    failed = path == "/flaky" and random.random() < FLAKY_SHARE
    return web.Response(status=503 if failed else 200)


async def receive(ports: list[int]) -> None:
    """Listen until killed."""
    runner = web.ServerRunner(web.Server(Receiver().handle, access_log=None))
    await runner.setup()
    for port in ports:
        await web.TCPSite(runner, HOST, port, backlog=1024).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as loop:
        loop.run(receive([int(port) for port in sys.argv[1:]]))
