"""Requests by aiohttp's documented interface alone, used if the fast path does not work.

Each request has its own connection: on a kept one, unrequested bytes would count as the answer to
the next request, and a connection that dies when it is reused would cost an attempt.
"""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

import aiohttp
from yarl import URL

from service.adapters.http.protocol import REST_S
from service.adapters.http.tls import EVERYBODY
from service.adapters.http.way import Exchange, with_query
from service.domain.delivery import Request
from service.domain.policy import HttpPolicy

NOT_OURS = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")
"""Headers that aiohttp must not add."""
MOST_HEADERS = 1000


@dataclass(frozen=True, slots=True)
class ReadAnswer:
    """See `way.Answered`."""

    status: int
    body: bytes
    pairs: list[tuple[str, str]]

    def headers(self) -> list[tuple[str, str]]:
        """See `way.Answered`."""
        return self.pairs


class SessionWay:
    """See `way.Way`. The connectors must keep no connection."""

    def __init__(self, connectors: Mapping[str, aiohttp.TCPConnector], policy: HttpPolicy) -> None:
        self._policy = policy
        self._sessions = {
            whose: _session(connector, policy) for whose, connector in connectors.items()
        }

    def towards(self, url: URL) -> Exchange:
        """See `way.Way`."""
        return partial(self._exchange, url)

    async def close(self) -> None:
        """See `way.Way`."""
        for session in self._sessions.values():
            await session.close()

    async def _exchange(self, url: URL, request: Request) -> ReadAnswer:
        session = self._sessions.get(request.account_id, self._sessions[EVERYBODY])
        total_s = request.timeout_s or self._policy.total_timeout_s
        ends_at = asyncio.get_running_loop().time() + total_s
        async with session.request(
            request.verb,
            URL(f"{url.origin()}{with_query(url.raw_path_qs, request.query)}", encoded=True),
            headers={"Accept-Encoding": "identity", **request.headers},
            data=request.body,
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(total_s, sock_connect=self._policy.connect_timeout_s),
        ) as response:
            if 200 <= response.status < 300 and not request.in_full:
                ends_at = min(ends_at, asyncio.get_running_loop().time() + REST_S)
            most = request.body_bytes or self._policy.response_body_bytes
            body = await _start_of(response.content, most, ends_at)
            pairs = list(response.headers.items())
            response.close()
        return ReadAnswer(response.status, body, pairs)


def _session(connector: aiohttp.TCPConnector, policy: HttpPolicy) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        skip_auto_headers=NOT_OURS,
        auto_decompress=False,
        max_line_size=policy.response_header_bytes,
        max_field_size=policy.response_header_bytes,
        max_headers=MOST_HEADERS,
    )


async def _start_of(content: aiohttp.StreamReader, most: int, ends_at: float) -> bytes:
    """Return the start of a body; errors after the status line are ignored."""
    parts: list[bytes] = []
    with suppress(aiohttp.ClientError, TimeoutError, OSError):
        async with asyncio.timeout_at(ends_at):
            while most > 0 and (part := await content.read(most)):
                parts.append(part)
                most -= len(part)
    return b"".join(parts)
