"""Check of the tokens of a switch by its own API; see `management.authentication.ForeignTokens`."""

import hashlib
import time
from collections.abc import Callable, Mapping
from typing import Protocol

import aiohttp

from service.bounded import BoundedDict
from service.domain.errors import SwitchApiUnavailable
from service.domain.principal import Principal

TIMEOUT_S = 5.0
MOST_REMEMBERED = 10_000


class TokenQuestion(Protocol):
    """The request by which a switch's API tells the owner of a token."""

    @property
    def api(self) -> str:
        """The name of the API, for errors."""

    def request(self, token: str) -> tuple[str, Mapping[str, str]]:
        """Return the URL of a GET, and its headers."""

    def principal(self, status: int, body: bytes) -> Principal | None:
        """Return the token's owner; None where the API refuses it.

        Raises ValueError, KeyError or TypeError for an answer that is neither.
        """


class CheckedTokens:
    """Asks the switch's API once per token, and caches the answer by the token's hash only."""

    def __init__(
        self,
        question: TokenQuestion,
        cache_s: float,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._question = question
        self._cache_s = cache_s
        self._now = now
        self._known = BoundedDict[bytes, tuple[Principal | None, float]](MOST_REMEMBERED)
        self._session: aiohttp.ClientSession | None = None

    @property
    def issuer(self) -> str:
        """See `ForeignTokens`."""
        return self._question.api

    async def close(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()

    async def principal(self, text: str) -> Principal | None:
        """See `ForeignTokens`."""
        key = hashlib.sha256(text.encode()).digest()
        principal, good_until = self._known.get(key, (None, 0.0))
        if good_until > self._now():
            return principal
        principal = await self._ask(text)
        self._known[key] = (principal, self._now() + self._cache_s)
        return principal

    async def _ask(self, text: str) -> Principal | None:
        if self._session is None:
            timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
            self._session = aiohttp.ClientSession(
                timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()
            )
        url, headers = self._question.request(text)
        try:
            # A redirect would send the token to an address that the operator did not give.
            async with self._session.get(url, headers=headers, allow_redirects=False) as response:
                status, body = response.status, await response.read()
        except (TimeoutError, aiohttp.ClientError, OSError, ValueError) as error:
            # An error of aiohttp may quote the URL, which may hold the token.
            said = type(error).__name__
            text = f"cannot check a token with {self._question.api}: {said}"
            raise SwitchApiUnavailable(text) from None
        try:
            return self._question.principal(status, body)
        except (ValueError, KeyError, TypeError):
            answered = f"{self._question.api} answered {status} to a token"
            raise SwitchApiUnavailable(answered) from None
