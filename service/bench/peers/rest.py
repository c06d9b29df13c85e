"""A small client for the REST APIs of peers."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import orjson

from service.domain.errors import SwitchhookError

TIMEOUT = aiohttp.ClientTimeout(total=30)
CONFLICT = 409
"""Answer to an event that exists already: it was accepted, and the answer was lost."""


class Rest:
    """Sends JSON to an address, with a bearer token."""

    def __init__(self, url: str, token: str) -> None:
        self._url = url
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        self._session: aiohttp.ClientSession | None = None

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """Open the connections."""
        async with aiohttp.ClientSession(headers=self._headers, timeout=TIMEOUT) as self._session:
            yield

    async def send(self, method: str, path: str, body: Mapping[str, Any]) -> None:
        """Send a request. Raises SwitchhookError if it is refused, or not answered."""
        if self._session is None:
            raise SwitchhookError("not opened")
        try:
            data = orjson.dumps(body)
            async with self._session.request(method, self._url + path, data=data) as response:
                text = await response.text()
        except (aiohttp.ClientError, TimeoutError) as error:
            raise SwitchhookError(f"{method} {path}: {error!r}") from error
        if not response.ok and response.status != CONFLICT:
            raise SwitchhookError(f"{method} {path}: {response.status} {text[:200]}")


async def healthy(url: str) -> None:
    """Return if a GET is answered with a success. Raises SwitchhookError or OSError."""
    try:
        async with aiohttp.ClientSession() as session, session.get(url) as response:
            if not response.ok:
                raise SwitchhookError(f"{url}: {response.status}")
    except aiohttp.ClientError as error:
        raise SwitchhookError(f"{url}: {error!r}") from error
