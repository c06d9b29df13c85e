"""API tokens: created here, stored as a hash, never recoverable."""

import hashlib
import hmac
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from service.domain.errors import Invalid, Unauthenticated
from service.domain.principal import Principal

PREFIX = "swh"
ID_DIGITS, SECRET_BYTES = 12, 32


class TokenKind(StrEnum):
    """Purpose of a token. One of a kind is never accepted in place of another."""

    API = "api"
    PORTAL_LINK = "portal_link"
    """Opens sessions of the console for one account."""
    SESSION = "session"
    """A person's session in the console."""


@dataclass(frozen=True, slots=True)
class Token:
    """A token as stored. `digest` is the SHA-256 of its secret, without salt as it is random.

    A link and a session end with their `parent_id`, the token that made them. After `purge_at`, the
    store deletes the token.
    """

    token_id: str
    digest: str = field(repr=False)
    account_id: str | None
    descendants: bool
    read_only: bool
    name: str
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    kind: TokenKind = TokenKind.API
    parent_id: str | None = None
    purge_at: datetime | None = None

    @property
    def superuser(self) -> bool:
        """Whether it is bound to no account."""
        return self.account_id is None

    def good_at(self, now: datetime) -> bool:
        """Return whether it is neither revoked nor expired."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)

    @property
    def principal(self) -> Principal:
        """The holder of the token."""
        name = f"token:{self.token_id}"
        return Principal(name, self.account_id, self.descendants, self.read_only, self.name)


def new_token(
    account_id: str | None,
    now: datetime,
    *,
    name: str = "",
    descendants: bool = False,
    read_only: bool = False,
    lifetime: timedelta | None = None,
    kind: TokenKind = TokenKind.API,
    parent_id: str | None = None,
    purge_at: datetime | None = None,
) -> tuple[str, Token]:
    """Return the text of a new token, to be shown once, and the token to store.

    Without an account it is a superuser's. Raises Invalid.
    """
    if account_id is None and descendants:
        raise Invalid.of("descendants", "invalid", "a superuser's token has every account already")
    token_id = secrets.token_hex(ID_DIGITS // 2)
    secret = secrets.token_urlsafe(SECRET_BYTES)
    expires_at = None if lifetime is None else now + lifetime
    kept = Token(
        token_id,
        _digest(secret),
        account_id,
        descendants,
        read_only,
        name,
        now,
        expires_at,
        kind=kind,
        parent_id=parent_id,
        purge_at=purge_at,
    )
    return f"{PREFIX}_{token_id}_{secret}", kept


def token_id_in(text: str) -> str | None:
    """Return the public part of a token's text, or None if it is not one of our tokens."""
    prefix, _, rest = text.partition("_")
    token_id, _, secret = rest.partition("_")
    return token_id if prefix == PREFIX and len(token_id) == ID_DIGITS and secret else None


def verified(
    text: str, kept: Token | None, now: datetime, kind: TokenKind = TokenKind.API
) -> Principal:
    """Return the holder of the token with this text. Raises Unauthenticated without the reason.

    The comparison takes as long for a wrong secret as for the right one.
    """
    secret = text.split("_", 2)[-1]
    digest = kept.digest if kept is not None else _digest("")
    matches = hmac.compare_digest(_digest(secret), digest)
    if kept is None or not matches or kept.kind != kind or not kept.good_at(now):
        raise Unauthenticated("the token is unknown, revoked or expired")
    return kept.principal


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
