"""Changes in an entry of a webhook's history: old and new values, with secrets hidden."""

from collections.abc import Iterable
from typing import Any

import orjson

from service.documents.webhook_form import HIDDEN, Document, public_view

LONGEST = 256
"""Most characters of a value in the history, which has many entries and is not a backup."""


def changes_between(old: Document, new: Document, members: Iterable[str]) -> dict[str, Any]:
    """Return `{member: {old, new}}` of the members that differ, as their account may see them."""
    before, after = public_view(old), public_view(new)
    return {
        member: {"old": _kept(before.get(member)), "new": _kept(after.get(member))}
        for member in sorted(members)
        if old.get(member) != new.get(member) and _differ(member, before, after)
    }


def _differ(member: str, before: Document, after: Document) -> bool:
    """Return whether a change is visible, or concerns a hidden value."""
    return before.get(member) != after.get(member) or HIDDEN in repr(after.get(member))


def _kept(value: Any) -> Any:
    """Return a value in at most `LONGEST` characters; a longer one becomes text and is cut."""
    text = value if isinstance(value, str) else orjson.dumps(value).decode()
    # MongoDB takes a name that begins with a dollar for an operator.
    if len(text) <= LONGEST and '"$' not in text:
        return value
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."
