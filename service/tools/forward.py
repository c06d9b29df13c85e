"""Forwarding of streamed requests to the integrator's own server, signed as a webhook's are."""

import time
from base64 import b64decode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any, Self

import aiohttp
from yarl import URL

from service.dialects.dialect import Dialects
from service.documents.webhook import SECRET_PREFIX
from service.domain.webhook import Webhook
from service.pipeline.request.sign import signature, signed_bytes

TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True)
class StreamedRequest:
    """A request of a stream, with what the screen shows of its event."""

    hook: str
    call_id: str | None
    method: str
    query: str
    headers: Mapping[str, str]
    body: bytes | None

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> "StreamedRequest":
        """Return the request in the data of an event `request`."""
        body = data["body"]
        return cls(
            hook=data["hook"],
            call_id=data["call_id"],
            method=data["method"],
            query=data["query"],
            headers=data["headers"],
            body=None if body is None else body.encode(),
        )

    @property
    def content(self) -> bytes:
        """What is signed: the body, or the query."""
        return self.query.encode() if self.body is None else self.body


@dataclass(frozen=True, slots=True)
class Forwarded:
    """What became of a forwarded request; `status` is None where no answer came."""

    request: StreamedRequest
    status: int | None
    duration_s: float
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Signer:
    """Signs requests anew, with a secret in the form that receivers use."""

    secret: str
    dialects: Dialects
    clock: Callable[[], float] = time.time

    def signed(self, request: StreamedRequest) -> StreamedRequest:
        """Return the request as if it were sent now; its id stays."""
        at, key = str(int(self.clock())), b64decode(self.secret.removeprefix(SECRET_PREFIX))
        content = request.content
        signed = signed_bytes(request.headers["webhook-id"], at, content)
        headers = {
            **request.headers,
            "webhook-timestamp": at,
            "webhook-signature": signature(key, signed),
        }
        webhook = Webhook("", "", "", frozenset(), "", dialect_secret=self.secret.encode())
        for dialect in self.dialects.by_name.values():
            own = dialect.requests.signatures(webhook, content)
            headers |= {name: value for name, value in own.items() if name in headers}
        return replace(request, headers=headers)


class Forwarder:
    """Makes requests to one URL. An async context manager."""

    def __init__(self, url: str, now: Callable[[], float] = time.monotonic) -> None:
        self._url = url
        self._now = now

    async def __aenter__(self) -> Self:
        """Open a session, which connects with the first request."""
        self._session = aiohttp.ClientSession(
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=TIMEOUT_S),
            auto_decompress=False,
            skip_auto_headers=("Accept", "Accept-Encoding"),
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close all connections."""
        await self._session.close()

    async def send(self, request: StreamedRequest) -> Forwarded:
        """Return what the server answered; redirects are not followed, as for a webhook."""
        began = self._now()
        try:
            async with self._session.request(
                request.method,
                URL(_with_query(self._url, request.query), encoded=True),
                data=request.body,
                headers=request.headers,
                allow_redirects=False,
            ) as response:
                await response.read()
                return Forwarded(request, response.status, self._now() - began)
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            problem = str(error) or type(error).__name__
            return Forwarded(request, None, self._now() - began, problem)


def _with_query(url: str, query: str) -> str:
    if not query:
        return url
    return f"{url}{'&' if '?' in url else '?'}{query}"
