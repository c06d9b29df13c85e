"""The interfaces of a migration: Crossbar to read from, and a store to write into."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol


class Crossbar(Protocol):
    """Kazoo's REST API, read only. Raises CrossbarUnavailable and CrossbarRefused."""

    async def account(self, account_id: str) -> Mapping[str, Any] | None:
        """Return the document of an account, if there is one."""

    async def ancestors(self, account_id: str) -> Sequence[str]:
        """Return the ids of its ancestors, root first, from the account of the token downwards."""

    async def descendants(self, account_id: str) -> Sequence[Mapping[str, Any]]:
        """Return a summary of every account below: `id`, `name` and mostly `tree`."""

    async def webhooks(self, account_id: str) -> Sequence[Mapping[str, Any]] | None:
        """Return the account's own webhooks, each with its `id`; None without such an account."""


class MigrationStore(Protocol):
    """Where a migration reads and writes. Every method raises StoreUnavailable."""

    async def accounts_under(self, root_id: str) -> Mapping[str, Mapping[str, Any]]:
        """Return the account and all that have it among their ancestors, by id."""

    async def webhooks(self, webhook_ids: Sequence[str]) -> Mapping[str, Mapping[str, Any]]:
        """Return those of the webhooks that are there, by id."""

    def problem_with(self, document: Mapping[str, Any]) -> str | None:
        """Return why the store could not hold a document, or None."""

    async def write_accounts(
        self, documents: Sequence[Mapping[str, Any]], removed: Sequence[str]
    ) -> None:
        """Add the accounts, or change the members named, and remove others."""

    async def write_webhooks(self, documents: Sequence[Mapping[str, Any]]) -> None:
        """Add the webhooks, or change the members named."""
