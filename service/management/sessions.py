"""Sessions of people in the console, and the links that open one for a single account.

A session has the rights of the token that opened it at every request anew, so it ends with it. A
switch's own token cannot be looked up again without its text, which is not kept: its session has
the rights that it had, for `FOREIGN_LIFETIME` at most.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import structlog

from service.domain.errors import NotFound, Unauthenticated
from service.domain.principal import Principal
from service.management.audit import Action, Audit
from service.management.authentication import Authentication
from service.management.ports import TokenStore
from service.management.token import (
    Token,
    TokenKind,
    new_token,
    token_id_in,
    verified,
)

UNKNOWN = "the session has ended"
FOREIGN_LIFETIME = timedelta(hours=1)

log = structlog.get_logger(__name__)


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Session:
    """A person in the console. `portal` marks one that came by a link."""

    token_id: str
    principal: Principal
    portal: bool
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Link:
    """A portal link. `text` is its secret part."""

    text: str
    account_id: str
    read_only: bool
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Sessions:
    """The use cases. Every method raises StoreUnavailable."""

    tokens: TokenStore
    authentication: Authentication
    audit: Audit
    lifetime: timedelta
    link_lifetime: timedelta
    now: Callable[[], datetime] = _now

    async def sign_in(self, text: str) -> str:
        """Return the text of a new session for an API token, ours or a switch's.

        Raises Unauthenticated, and SwitchApiUnavailable.
        """
        principal = await self.authentication.principal(text)
        made, kept = self._session(principal, token_id_in(text))
        await self.tokens.add(kept)
        log.info("console.signed_in", by=principal.name, session_id=kept.token_id)
        await self._note(principal, Action.SIGNED_IN, principal.account_id, kept)
        return made

    async def link(self, by: Principal, account_id: str, *, read_only: bool) -> Link:
        """Return a new portal link to an account; it ends with the token of the caller, if ours."""
        now = self.now()
        text, kept = new_token(
            account_id,
            now,
            read_only=read_only,
            lifetime=self.link_lifetime,
            kind=TokenKind.PORTAL_LINK,
            parent_id=_token_id(by),
            purge_at=now + self.link_lifetime + self.lifetime,
        )
        await self.tokens.add(kept)
        log.info("portal.linked", by=by.name, account_id=account_id, link_id=kept.token_id)
        await self.audit.note(
            by, Action.PORTAL_LINK_CREATED, account_id, kept.token_id, read_only=read_only
        )
        return Link(text, account_id, read_only, now + self.link_lifetime)

    async def follow(self, text: str) -> tuple[str, str]:
        """Return the text of a new session for a link, and its account. Raises Unauthenticated."""
        link = await self.tokens.find(token_id_in(text) or "")
        principal = verified(text, link, self.now(), TokenKind.PORTAL_LINK)
        if link is None or link.account_id is None:
            raise Unauthenticated(UNKNOWN)
        await self._check_parent(link)
        made, kept = self._session(principal, link.token_id)
        await self.tokens.add(kept)
        log.info("portal.opened", account_id=link.account_id, session_id=kept.token_id)
        await self._note(_holder_of(link), Action.PORTAL_OPENED, link.account_id, kept)
        return made, link.account_id

    async def resume(self, text: str) -> Session:
        """Return the session with this text. Raises Unauthenticated."""
        kept = await self.tokens.find(token_id_in(text) or "")
        verified(text, kept, self.now(), TokenKind.SESSION)
        if kept is None or kept.expires_at is None:
            raise Unauthenticated(UNKNOWN)
        parent = await self._check_parent(kept)
        portal = parent.kind is TokenKind.PORTAL_LINK
        principal = _holder_of(parent) if portal else parent.principal
        if kept.parent_id is None:
            principal = replace(principal, name=kept.name, label="")
        principal = replace(principal, session_id=kept.token_id)
        return Session(kept.token_id, principal, portal, kept.expires_at)

    async def end(self, text: str) -> None:
        """End a session; an unknown one is ignored."""
        token_id = token_id_in(text)
        if token_id is not None:
            try:
                session = await self.resume(text)
            except (Unauthenticated, NotFound):
                return
            await self.tokens.revoke(session.token_id, self.now())

    async def _check_parent(self, child: Token) -> Token:
        """Return the token that a session or link came from. Raises Unauthenticated if it ended.

        A link may open sessions that outlive it, but a revoked one ends them.
        """
        if child.parent_id is None:
            return child
        parent = await self.tokens.find(child.parent_id)
        if parent is None or parent.revoked_at is not None:
            raise Unauthenticated(UNKNOWN)
        if parent.kind is TokenKind.PORTAL_LINK:
            await self._check_parent(parent)
        elif not parent.good_at(self.now()):
            raise Unauthenticated(UNKNOWN)
        return parent

    async def _note(
        self, by: Principal, action: Action, account_id: str | None, session: Token
    ) -> None:
        holder = replace(by, session_id=session.token_id)
        await self.audit.note(holder, action, account_id, session.token_id)

    def _session(self, principal: Principal, parent_id: str | None) -> tuple[str, Token]:
        """Return a session; one without a parent keeps the holder's name."""
        now = self.now()
        lifetime = self.lifetime if parent_id else min(self.lifetime, FOREIGN_LIFETIME)
        return new_token(
            principal.account_id,
            now,
            name="" if parent_id else principal.name,
            descendants=principal.descendants,
            read_only=principal.read_only,
            lifetime=lifetime,
            kind=TokenKind.SESSION,
            parent_id=parent_id,
            purge_at=now + lifetime,
        )


def _holder_of(link: Token) -> Principal:
    """Return the caller that came by a portal link."""
    return Principal(f"portal:{link.token_id}", link.account_id, read_only=link.read_only)


def _token_id(by: Principal) -> str | None:
    """Return the id of the caller's token, if it is one of ours."""
    kind, _, token_id = by.name.partition(":")
    return token_id if kind == "token" and token_id else None
