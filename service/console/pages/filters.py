"""Filters of lists: from the query of a page to the parameters of an operation."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from service.console.forms import in_words
from service.console.visit import Visit
from service.domain.errors import Invalid

ATTEMPTS = {
    "result": "filter_result",
    "outcome": "filter_outcome",
    "call_id": "filter_call_id",
    "hook": "filter_hook",
    "from": "created_from",
    "to": "created_to",
    "start": "start_key",
}
LETTERS = {
    "reason": "filter_reason",
    "hook": "filter_hook",
    "call_id": "filter_call_id",
    "hook_id": "filter_hook_id",
    "endpoint": "filter_endpoint",
    "from": "created_from",
    "to": "created_to",
    "start": "start_key",
}
AUDIT = {
    "action": "filter_action",
    "by": "filter_by",
    "subject_id": "filter_subject_id",
    "account": "filter_account_id",
    "from": "created_from",
    "to": "created_to",
    "start": "start_key",
}
"""Names in the query of a page, each with the operation's parameter."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A part of a list, and the problems of the filters by their names on the page."""

    items: Sequence[Mapping[str, Any]] = ()
    following: str | None = None
    problems: Mapping[str, str] = field(default_factory=dict)


async def listed(visit: Visit, name: str, filters: Mapping[str, str], size: int) -> Listed:
    """Return the items that the query of the page asks for."""
    wanted = asked(visit.query, filters) | {"page_size": str(size)}
    try:
        reply = await visit.ask(name, query=wanted)
    except Invalid as error:
        return Listed(problems=_by_page_name(in_words(error.problems), filters))
    return Listed(reply.data, None if reply.page is None else reply.page.next_start_key)


def asked(query: Mapping[str, str], filters: Mapping[str, str]) -> dict[str, str]:
    """Return the parameters of an operation for the query of a page."""
    return {theirs: query[ours] for ours, theirs in filters.items() if query.get(ours)}


def _by_page_name(problems: Mapping[str, str], filters: Mapping[str, str]) -> dict[str, str]:
    names = {theirs: ours for ours, theirs in filters.items()}
    return {names.get(key, key): text for key, text in problems.items()}
