"""Use cases of API tokens: create, list, revoke."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from service.domain.principal import Principal
from service.management.audit import Action, Audit
from service.management.ports import TokenStore
from service.management.token import Token, new_token


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Tokens:
    """The use cases. Every method raises StoreUnavailable."""

    stored: TokenStore
    audit: Audit
    now: Callable[[], datetime] = _now

    async def create(
        self,
        by: Principal,
        account_id: str | None,
        *,
        name: str,
        descendants: bool,
        read_only: bool,
        lifetime: timedelta | None,
    ) -> str:
        """Store a new token and return its text, which is not kept. Raises Invalid."""
        text, made = new_token(
            account_id,
            self.now(),
            name=name,
            descendants=descendants,
            read_only=read_only,
            lifetime=lifetime,
        )
        await self.stored.add(made)
        rights = {"name": name, "descendants": descendants, "read_only": read_only}
        await self.audit.note(by, Action.TOKEN_CREATED, account_id, made.token_id, **rights)
        return text

    async def all(self, account_id: str | None) -> Sequence[Token]:
        """Return the tokens of an account, or all, the newest first."""
        return await self.stored.all(account_id)

    async def revoke(self, by: Principal, token_id: str) -> bool:
        """Revoke a token at once; return whether it was valid until now."""
        kept = await self.stored.find(token_id)
        if kept is None or not await self.stored.revoke(token_id, self.now()):
            return False
        await self.audit.note(by, Action.TOKEN_REVOKED, kept.account_id, token_id, name=kept.name)
        return True
