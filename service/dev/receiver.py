"""An HTTP server in the role of a receiver: it records every request and answers by a script."""

import asyncio
import time
from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from aiohttp import web

from service.dev.servers import HOST
from service.pipeline.request.sign import signature, signed_bytes

LARGEST_BODY = 32 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class ScriptedAnswer:
    """A scripted answer, sent after `delay_s`."""

    status: int = 200
    delay_s: float = 0.0
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class ReceivedRequest:
    """A request as it arrived; `body` of a GET without one is its raw query.

    `at` is monotonic seconds.
    """

    path: str
    method: str
    raw_path: str
    headers: Mapping[str, str]
    body: bytes
    at: float
    answered: int

    @property
    def delivery_id(self) -> str:
        """The id of the delivery, by which a receiver recognises duplicates."""
        return self.headers["webhook-id"]

    @property
    def attempt(self) -> int:
        """Which attempt this is, counted from 1."""
        return int(self.headers["X-Switchhook-Attempt"])

    def genuine(self, secret: bytes) -> bool:
        """Return whether the signature is valid; a real receiver checks the time as well."""
        headers = self.headers
        signed = signed_bytes(self.delivery_id, headers["webhook-timestamp"], self.body)
        wanted = signature(secret, signed)
        return wanted in headers.get("webhook-signature", "").split(" ")


class Receiver:
    """Answers 200 unless a script says otherwise; calls `on_request` with every request."""

    def __init__(self, on_request: Callable[[ReceivedRequest], None] | None = None) -> None:
        self.requests: list[ReceivedRequest] = []
        self._scripts: defaultdict[str, deque[ScriptedAnswer]] = defaultdict(deque)
        self._on_request = on_request
        self._arrival = asyncio.Condition()
        self._runner: web.AppRunner | None = None
        self.port = 0

    def url(self, path: str) -> str:
        """Return the address of a path."""
        return f"http://{HOST}:{self.port}{path}"

    def script(self, path: str, *answers: ScriptedAnswer | int) -> None:
        """Set the answers of a path, in order; the last one is repeated."""
        given = (
            ScriptedAnswer(answer) if isinstance(answer, int) else answer for answer in answers
        )
        self._scripts[path] = deque(given)

    def at(self, path: str) -> list[ReceivedRequest]:
        """Return the requests to a path, in order of arrival."""
        return [request for request in self.requests if request.path == path]

    async def until(
        self, condition: Callable[[], bool], timeout_s: float, waiting_for: str = "requests"
    ) -> None:
        """Return once the condition holds, which is checked after every request.

        Raises TimeoutError, which lists the requests that did arrive.
        """
        try:
            async with asyncio.timeout(timeout_s), self._arrival:
                await self._arrival.wait_for(condition)
        except TimeoutError:
            seen = [(r.path, r.method, r.answered) for r in self.requests[-20:]]
            raise TimeoutError(
                f"waiting for {waiting_for}; {len(self.requests)} requests so far, the last: {seen}"
            ) from None

    async def __aenter__(self) -> Self:
        """Listen on a free port."""
        application = web.Application(client_max_size=LARGEST_BODY)
        application.router.add_route("*", "/{tail:.*}", self._handle)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, HOST, 0)
        await site.start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop listening."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _handle(self, request: web.Request) -> web.Response:
        answer = self._next_answer(request.path)
        body = await request.read()
        if request.method == "GET" and not body:
            body = request.raw_path.partition("?")[2].encode()
        received = ReceivedRequest(
            request.path,
            request.method,
            request.raw_path,
            request.headers.copy(),
            body,
            time.monotonic(),
            answer.status,
        )
        self.requests.append(received)
        if self._on_request is not None:
            self._on_request(received)
        async with self._arrival:
            self._arrival.notify_all()
        if answer.delay_s:
            await asyncio.sleep(answer.delay_s)
        return web.Response(status=answer.status, headers=answer.headers, body=answer.body)

    def _next_answer(self, path: str) -> ScriptedAnswer:
        script = self._scripts.get(path)
        if not script:
            return ScriptedAnswer()
        return script.popleft() if len(script) > 1 else script[0]
