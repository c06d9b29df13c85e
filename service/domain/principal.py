"""Caller of the management API, and the accounts the caller may act on."""

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Principal:
    """The holder of a token. `name` appears in the audit trail and is not secret.

    A superuser belongs to no account and may act on every account.
    """

    name: str
    account_id: str | None = None
    descendants: bool = False
    read_only: bool = False
    label: str = field(default="", compare=False)
    """Name that a person gave the token."""
    session_id: str | None = field(default=None, compare=False)
    """The session of the console, if the caller has one."""

    @property
    def superuser(self) -> bool:
        """Whether the caller may act on every account."""
        return self.account_id is None

    @property
    def reaches_below(self) -> bool:
        """Whether the caller may also act on the descendants of an account."""
        return self.superuser or self.descendants

    def may_act_on(self, account_id: str, tree: Sequence[str]) -> bool:
        """Return whether the caller may manage an account whose ancestors are `tree`."""
        if self.superuser or self.account_id == account_id:
            return True
        return self.descendants and self.account_id in tree
