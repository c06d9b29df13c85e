"""An audit log in memory."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from service.domain.errors import StoreUnavailable
from service.management.audit import Audit
from service.management.ports import Document
from service.management.selection import Selection


@dataclass
class Entries:
    """See `management.ports.AuditLog`."""

    written: list[Document] = field(default_factory=list)
    asked: list[tuple[Selection, tuple[datetime, str] | None]] = field(default_factory=list)
    away: bool = False

    async def add(self, entry: Document) -> None:
        if self.away:
            raise StoreUnavailable("the store is away", "start it")
        self.written.append(entry)

    async def page(
        self, selection: Selection, start: tuple[datetime, str] | None, size: int
    ) -> Sequence[Document]:
        self.asked.append((selection, start))
        return self.written[:size]

    def told(self) -> list[tuple[str, str, str | None, str | None]]:
        """Return action, author, account and subject of all entries."""
        return [
            (entry["action"], entry["by"], entry["account_id"], entry["subject_id"])
            for entry in self.written
        ]


def unread() -> Audit:
    """Return an audit log for tests that do not look at it."""
    return Audit(Entries())
