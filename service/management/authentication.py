"""Find the holder of a token."""

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol

from service.bounded import BoundedDict
from service.domain.errors import Unauthenticated
from service.domain.principal import Principal
from service.management.ports import TokenStore
from service.management.token import token_id_in, verified

UNKNOWN_S = 10.0
MOST_REMEMBERED = 10_000


class ForeignTokens(Protocol):
    """Tokens issued by another system."""

    @property
    def issuer(self) -> str:
        """The system, as people call it."""

    async def principal(self, text: str) -> Principal | None:
        """Return the holder of the token, or None. Raises SwitchApiUnavailable."""


def _now() -> datetime:
    return datetime.now(UTC)


class SeenTokens:
    """Cache of token look-ups, by digest; it never keeps the text of a token.

    Valid and invalid tokens are bounded separately, so that guesses do not evict valid ones.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._holders = BoundedDict[bytes, str](MOST_REMEMBERED)
        self._unknown = BoundedDict[bytes, float](MOST_REMEMBERED)

    def holder(self, text: str) -> str | None:
        """Return the holder of the token at its last look-up."""
        return self._holders.get(_digest(text))

    def unknown(self, text: str) -> bool:
        """Return whether a recent look-up found the token invalid."""
        return self._unknown.get(_digest(text), 0.0) > self._now()

    def note(self, text: str, holder: str | None) -> None:
        """Remember the result of a look-up."""
        digest = _digest(text)
        if holder is None:
            self._holders.pop(digest, None)
            self._unknown[digest] = self._now() + UNKNOWN_S
        else:
            self._unknown.pop(digest, None)
            self._holders[digest] = holder


@dataclass(frozen=True, slots=True)
class Authentication:
    """Verifies our own tokens, and those of switches whose APIs are configured."""

    tokens: TokenStore
    foreign: Sequence[ForeignTokens] = ()
    now: Callable[[], datetime] = _now
    seen: SeenTokens = field(default_factory=SeenTokens)

    def holder_before(self, text: str) -> str | None:
        """Return the holder of the token at its last look-up, from memory alone."""
        return self.seen.holder(text)

    async def principal(self, text: str) -> Principal:
        """Return the holder of the token. Raises Unauthenticated, Unavailable.

        Valid tokens are looked up each time, so that a revocation takes effect at once; invalid
        ones are remembered for `UNKNOWN_S`.
        """
        if self.seen.unknown(text):
            raise Unauthenticated("the token is unknown, revoked or expired")
        try:
            principal = await self._looked_up(text)
        except Unauthenticated:
            self.seen.note(text, None)
            raise
        self.seen.note(text, principal.name)
        return principal

    async def _looked_up(self, text: str) -> Principal:
        token_id = token_id_in(text)
        if token_id is not None:
            return verified(text, await self.tokens.find(token_id), self.now())
        for tokens in self.foreign:
            holder = await tokens.principal(text)
            if holder is not None:
                return holder
        raise Unauthenticated("the token is unknown, revoked or expired")


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest()
