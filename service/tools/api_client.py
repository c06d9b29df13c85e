"""Client of the API's streams: opens one, and opens it again after every loss."""

import asyncio
import random
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from types import TracebackType
from typing import Any, Self

import aiohttp
import orjson

from service import __version__
from service.domain.errors import SwitchhookError
from service.tools.event_stream import EventParser

REQUEST_TIMEOUT_S = 30.0
SILENCE_S = 150.0
"""Seconds without a byte after which a stream counts as lost: two of the longest heart-beats."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 30.0
PASSING = (408, 429)
"""Refusals that a later try may not meet, beside those of 500 and more."""

LiveEvent = tuple[str, Any]
"""The name of an event, and its data."""


class ApiRefused(SwitchhookError):
    """The API does not serve the request; trying again would not help."""


class ApiAway(SwitchhookError):
    """The API cannot be reached, or does not serve the request now."""


class ApiClient:
    """Asks the API with a token. An async context manager.

    `on_pause` is told why a stream was lost, and the seconds until it is opened again.
    """

    def __init__(
        self,
        url: str,
        token: str,
        on_pause: Callable[[str, float], None] = lambda _, __: None,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._base = url.rstrip("/").removesuffix("/v2")
        self._headers = {"X-Auth-Token": token, "User-Agent": f"switchhook/{__version__}"}
        self._on_pause = on_pause
        self._jitter = jitter

    async def __aenter__(self) -> Self:
        """Open a session, which connects with the first request."""
        self._session = aiohttp.ClientSession(
            headers=self._headers, cookie_jar=aiohttp.DummyCookieJar(), trust_env=True
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

    async def own_account(self) -> str:
        """Return the account of the token. Raises ApiRefused, ApiAway."""
        timeout = aiohttp.ClientTimeout(total=REQUEST_TIMEOUT_S)
        try:
            async with self._session.get(
                f"{self._base}/v2/token_auth", timeout=timeout, allow_redirects=False
            ) as response:
                answer = await _read(response)
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise ApiAway(f"{self._base} cannot be reached: {_reason(error)}") from None
        account_id = answer["data"]["account_id"]
        if account_id is None:
            raise ApiRefused("the token belongs to no account: name one with --account")
        return str(account_id)

    async def stream(self, path: str, query: Mapping[str, str]) -> AsyncGenerator[LiveEvent]:
        """Yield the events of a stream but `end`: then, as after a loss, it is opened again.

        Raises ApiRefused.
        """
        pause_s = FIRST_PAUSE_S
        while True:
            reason = "the stream ended"
            try:
                async with aclosing(self._once(path, query)) as events:
                    async for name, data in events:
                        pause_s = FIRST_PAUSE_S
                        if name == "end":
                            reason = f"the stream ended: {data['reason']}"
                        else:
                            yield name, data
            except ApiAway as error:
                reason = str(error)
            wait_s = pause_s * (0.5 + self._jitter() / 2)
            self._on_pause(reason, wait_s)
            await asyncio.sleep(wait_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    async def _once(self, path: str, query: Mapping[str, str]) -> AsyncGenerator[LiveEvent]:
        """Yield the events of one connection. Raises ApiAway, ApiRefused."""
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=SILENCE_S)
        parser = EventParser()
        try:
            async with self._session.get(
                f"{self._base}/v2/{path}", params=query, timeout=timeout, allow_redirects=False
            ) as response:
                if response.status != 200 or response.content_type != "text/event-stream":
                    await _read(response)
                    raise ApiRefused(f"{self._base} does not answer as Switchhook does")
                async for chunk in response.content.iter_any():
                    for name, data in parser.feed(chunk):
                        yield name, orjson.loads(data)
        except (aiohttp.ClientError, OSError, TimeoutError, orjson.JSONDecodeError) as error:
            raise ApiAway(f"the connection was lost: {_reason(error)}") from None


async def _read(response: aiohttp.ClientResponse) -> Any:
    """Return the envelope of an answer. Raises ApiRefused, ApiAway, for what is no success."""
    text, status = await response.read(), response.status
    try:
        envelope = orjson.loads(text)
        said = _problems(envelope["data"]) if status >= 300 else ""
    except (orjson.JSONDecodeError, KeyError, TypeError):
        envelope, said = None, response.reason or ""
    if status >= 500 or status in PASSING:
        raise ApiAway(f"the API answered {status}: {said}")
    if status >= 300 or envelope is None:
        raise ApiRefused(f"the API answered {status}: {said}")
    return envelope


def _problems(data: Mapping[str, Any]) -> str:
    """Return the texts of an error, whether one or one per field."""
    if isinstance(data.get("message"), str):
        return str(data["message"])
    return "; ".join(
        f"{field}: {details.get('message')}"
        for field, problems in data.items()
        for details in problems.values()
    )


def _reason(error: BaseException) -> str:
    return str(error) or type(error).__name__
