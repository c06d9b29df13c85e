"""Check whether a profile has a request for each hook of a webhook."""

from collections.abc import Iterable, Iterator
from typing import Any

from service.documents.webhook import BadDocument, hooks_of
from service.documents.webhook_form import Document
from service.profiles.known import PROFILES

Problem = tuple[str, str, dict[str, Any]]
"""Field, code, details."""
CONCERNED = ("profile", "hook", "schema_version")


def without_place(given: Document, merged: Document, offered: Iterable[str]) -> Iterator[Problem]:
    """Yield the hooks that have no place in the webhook's profile.

    `offered` are the hooks of the catalogue, actionable ones included.
    """
    profile = PROFILES.get(str(merged.get("profile")))
    if profile is None or given.keys().isdisjoint(CONCERNED):
        return
    try:
        named = sorted(hooks_of(merged))
    except BadDocument:
        return
    known = {hook_id for _, hook_id in profile.by_hook}
    allowed = [hook_id for hook_id in offered if hook_id in known]
    for hook in named:
        if hook not in allowed:
            text = f"profile {profile.name} has no request for hook {hook}; it has for "
            details = {"message": text + ", ".join(allowed), "target": allowed, "value": hook}
            yield "profile", "invalid", details
    if merged.get("schema_version") is not None:
        message = f"profile {profile.name} has schemas of its own"
        yield "schema_version", "invalid", {"message": message}
