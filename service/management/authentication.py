"""From the text of a token to who holds it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from service.domain.errors import Unauthenticated
from service.domain.principal import Principal
from service.management.ports import TokenStore
from service.management.token import token_id_in, verified


class ForeignTokens(Protocol):
    """Tokens that somebody else gave out."""

    async def principal(self, text: str) -> Principal | None:
        """Return who holds the token, or None. Raises CrossbarUnavailable."""


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Authentication:
    """Knows our own tokens, and those of a Crossbar where one is configured."""

    tokens: TokenStore
    foreign: ForeignTokens | None = None
    now: Callable[[], datetime] = _now

    async def principal(self, text: str) -> Principal:
        """Return who holds the token. Raises Unauthenticated, Unavailable."""
        token_id = token_id_in(text)
        if token_id is not None:
            return verified(text, await self.tokens.find(token_id), self.now())
        holder = await self.foreign.principal(text) if self.foreign is not None else None
        if holder is None:
            raise Unauthenticated("the token is unknown, revoked or expired")
        return holder
