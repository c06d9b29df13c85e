"""Parts shared by both ways of making requests: the fast path and aiohttp's documented API."""

from collections.abc import Awaitable, Callable
from functools import lru_cache
from typing import Protocol

import aiohttp
from yarl import URL

from service.domain.delivery import Request


class Answered(Protocol):
    """Answer to a request."""

    @property
    def status(self) -> int:
        """Return the status code."""

    @property
    def body(self) -> bytes:
        """Return the kept part of the body."""

    def headers(self) -> list[tuple[str, str]]:
        """Return names and values as received."""


Exchange = Callable[[Request], Awaitable[Answered]]


class Way(Protocol):
    """A way to make requests, which owns its connections."""

    def towards(self, url: URL) -> Exchange:
        """Return a function that sends a request to the URL and returns the answer.

        It raises ValueError if the request cannot be written; aiohttp.ClientError,
        HttpProcessingError, OSError or TimeoutError if no answer arrived.
        """

    async def close(self) -> None:
        """Close all connections."""


@lru_cache(maxsize=100)
def _limits(total_s: float, connect_timeout_s: float) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(connect=total_s, sock_connect=connect_timeout_s)


def connecting_limits(total_s: float, connect_timeout_s: float) -> aiohttp.ClientTimeout:
    """Return the limits of connecting: in all, lookup included, and of the handshakes alone."""
    # Rounded, as questions of calls have a limit of their own each; zero would mean no limit.
    return _limits(max(round(total_s, 3), 0.001), connect_timeout_s)


def with_query(target: str, query: str) -> str:
    """Return path and query with an encoded query appended unchanged, after `?` or `&`."""
    if not query:
        return target
    return f"{target}{'&' if '?' in target else '?'}{query}"
