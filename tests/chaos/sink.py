"""The receiver that judges: it notes every request, and how many it has at once."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

from aiohttp import web

from service.dev.receiver import ScriptedAnswer
from service.dev.servers import free_port


@dataclass(frozen=True, slots=True)
class Seen:
    """One request as it arrived; `at` is monotonic seconds, `status` what it was to be answered."""

    path: str
    host: str
    call_id: str
    webhook_id: str
    delivery_id: str
    attempt: int
    at: float
    status: int

    @property
    def taken(self) -> bool:
        """Whether the receiver took the delivery."""
        return 200 <= self.status < 300


class Sink:
    """Listens on many addresses of the loopback network, which makes as many endpoints."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []
        self.port = free_port()
        self.now: Counter[str] = Counter()
        self.peak: Counter[str] = Counter()
        self.underway = 0
        self.most_underway = 0
        self.on_request: Callable[[Seen], None] | None = None
        self._answers: dict[str, ScriptedAnswer | Callable[[int], ScriptedAnswer]] = {}
        self._hosts: set[str] = set()
        self._runner = web.ServerRunner(web.Server(self._handle), shutdown_timeout=0.1)

    async def url(self, host: str, path: str) -> str:
        """Return the address of a path on one of the hosts, listening there from now on."""
        if host not in self._hosts:
            self._hosts.add(host)
            await web.TCPSite(self._runner, host, self.port, reuse_address=True).start()
        return f"http://{host}:{self.port}{path}"

    def answer(self, path: str, answer: ScriptedAnswer | Callable[[int], ScriptedAnswer]) -> None:
        """Set what a path answers from now on: always the same, or depending on the attempt."""
        self._answers[path] = answer

    def at(self, path: str) -> list[Seen]:
        """Return the requests to a path, in order of arrival."""
        return [seen for seen in self.seen if seen.path == path]

    async def __aenter__(self) -> Self:
        """Be ready to listen."""
        await self._runner.setup()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop listening."""
        await self._runner.cleanup()

    async def _handle(self, request: web.BaseRequest) -> web.Response:
        body = await request.read()
        seen, answer = self._note(request, body)
        host = seen.host
        self.now[host] += 1
        self.underway += 1
        self.peak[host] = max(self.peak[host], self.now[host])
        self.most_underway = max(self.most_underway, self.underway)
        try:
            if self.on_request is not None:
                self.on_request(seen)
            if answer.delay_s:
                await asyncio.sleep(answer.delay_s)
        finally:
            self.now[host] -= 1
            self.underway -= 1
        return web.Response(status=answer.status, headers=answer.headers, body=answer.body)

    def _note(self, request: web.BaseRequest, body: bytes) -> tuple[Seen, ScriptedAnswer]:
        attempt = int(request.headers.get("X-Switchhook-Attempt", "0"))
        answer = self._answers.get(request.path, ScriptedAnswer())
        if not isinstance(answer, ScriptedAnswer):
            answer = answer(attempt)
        seen = Seen(
            request.path,
            request.host.partition(":")[0],
            call_id_in(body),
            request.headers.get("X-Hook-ID", ""),
            request.headers.get("webhook-id", ""),
            attempt,
            time.monotonic(),
            answer.status,
        )
        self.seen.append(seen)
        return seen, answer


def call_id_in(body: bytes) -> str:
    """Return the call that a payload is about."""
    return body.partition(b'"call_id":"')[2].partition(b'"')[0].decode()
