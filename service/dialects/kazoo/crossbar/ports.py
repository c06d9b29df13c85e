"""Ports of a migration: Crossbar as the source, and a store as the target."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol


class Crossbar(Protocol):
    """Kazoo's REST API, read-only. Raises CrossbarUnavailable and CrossbarRefused."""

    async def account(self, account_id: str) -> Mapping[str, Any] | None:
        """Return the document of an account, or None if it does not exist."""

    async def ancestors(self, account_id: str) -> Sequence[str]:
        """Return the ids of an account's ancestors, root first, from the token's account down."""

    async def descendants(self, account_id: str) -> Sequence[Mapping[str, Any]]:
        """Return a summary of every descendant: `id`, `name` and usually `tree`."""

    async def webhooks(self, account_id: str) -> Sequence[Mapping[str, Any]] | None:
        """Return the account's own webhooks, each with its `id`, or None for an unknown account."""


class MigrationStore(Protocol):
    """Store that a migration reads and writes. Every coroutine raises StoreUnavailable."""

    async def accounts_under(self, root_id: str) -> Mapping[str, Mapping[str, Any]]:
        """Return the account and its descendants, by id."""

    async def webhooks(self, webhook_ids: Sequence[str]) -> Mapping[str, Mapping[str, Any]]:
        """Return the stored ones of these webhooks, by id."""

    def problem_with(self, document: Mapping[str, Any]) -> str | None:
        """Return why the store cannot hold a document, or None."""

    async def write_accounts(
        self, documents: Sequence[Mapping[str, Any]], removed: Sequence[str]
    ) -> None:
        """Insert accounts or update the members in their documents; delete the `removed` ones."""

    async def write_webhooks(self, documents: Sequence[Mapping[str, Any]]) -> None:
        """Insert webhooks or update the members in their documents."""
