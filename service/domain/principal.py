"""The caller of the management API, and its rights."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Principal:
    """The holder of a token. `name` is what the audit trail says; it is no secret.

    A superuser, who has no account of their own, may act on every account.
    """

    name: str
    account_id: str | None = None
    descendants: bool = False
    read_only: bool = False

    @property
    def superuser(self) -> bool:
        """Whether no account bounds what they may."""
        return self.account_id is None

    @property
    def reaches_below(self) -> bool:
        """Whether they may act on all accounts below those that they may act on."""
        return self.superuser or self.descendants

    def may_act_on(self, account_id: str, tree: Sequence[str]) -> bool:
        """Return whether an account, whose ancestors are `tree`, is theirs to manage."""
        if self.superuser or self.account_id == account_id:
            return True
        return self.descendants and self.account_id in tree
