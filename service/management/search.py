"""The operator's search of all accounts."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from service.dialects.dialect import Dialects
from service.management.attempts import attempt_view
from service.management.dead_letters import letter_view
from service.management.ports import Document, Records

MOST_FOUND = 50


@dataclass(frozen=True, slots=True)
class Found:
    """Views of what a search found, each with its `account_id`."""

    webhooks: Sequence[Document]
    attempts: Sequence[Document]
    letters: Sequence[Document]

    @property
    def count(self) -> int:
        """Number of all items."""
        return len(self.webhooks) + len(self.attempts) + len(self.letters)


@dataclass(frozen=True, slots=True)
class Search:
    """The use case."""

    records: Records
    dialects: Dialects

    async def everywhere(self, text: str, until: datetime | None = None) -> Found:
        """Return the webhooks, newest attempts and dead letters that a text identifies.

        The text is an id of a webhook, attempt, delivery, event or call, or the beginning of a URI.
        Attempts that began at `until` or later are left out.
        Raises StoreUnavailable, also where the search takes too long.
        """
        attempts = await self.records.attempts(text, MOST_FOUND, until)
        letters = await self.records.letters(text, MOST_FOUND)
        webhooks = await self.records.webhooks(text, MOST_FOUND)
        return Found(
            [_webhook_view(one) for one in webhooks],
            [{**attempt_view(one, self.dialects), "account_id": one["account_id"]}
             for one in attempts],
            [letter_view(one) for one in letters],
        )  # fmt: skip


def _webhook_view(document: Document) -> dict[str, Any]:
    kept = ("account_id", "name", "uri", "hook", "enabled")
    return {"id": str(document["_id"]), **{key: document.get(key) for key in kept}}
