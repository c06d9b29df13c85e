"""The decision about one document of an installation that is moved here."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

Document = Mapping[str, Any]


class Verdict(StrEnum):
    """The fate of a document."""

    TAKEN = "taken"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    KEPT = "kept"
    GONE = "gone"
    REMOVED = "removed"
    REFUSED = "refused"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Decision:
    """One document and what becomes of it; `document` is what has to be written, if anything."""

    verdict: Verdict
    item_id: str
    reason: str = ""
    document: Document | None = None
