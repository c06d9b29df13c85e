"""Decisions about the documents of a Kazoo installation during a migration."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

Document = Mapping[str, Any]


class Verdict(StrEnum):
    """What a migration does with a document."""

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
    """The verdict on one item; `document` is what to write, if anything."""

    verdict: Verdict
    item_id: str
    reason: str = ""
    document: Document | None = None
