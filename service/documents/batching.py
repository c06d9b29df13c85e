"""Reading of the member `batch` of a webhook's document."""

from collections.abc import Iterator, Mapping
from typing import Any

from service.domain.filters.reading import Problem
from service.domain.webhook import Batching

Document = Mapping[str, Any]

LEAST_EVENTS, MOST_EVENTS = 2, 1000
LEAST_WITHIN_MS, MOST_WITHIN_MS = 100, 60_000
LIMITS = {"max": (LEAST_EVENTS, MOST_EVENTS), "within_ms": (LEAST_WITHIN_MS, MOST_WITHIN_MS)}
VERBS = ("post", "put")
NOT_FOR_QUESTIONS = "is not for actionable hooks: a call waits for each answer"
ASKED = ("ask_key", "budget_s", "static_answer", "answer_form")
CONCERNED = ("batch", "format", "http_verb", "ordering", "profile", *ASKED)
"""Members that decide whether a webhook can have its events in batches."""


def batching_of(document: Document) -> Batching | None:
    """Return the rules of a document that has no `batching_problems`; None where it has none."""
    rules = document.get("batch")
    return Batching(int(rules["max"]), int(rules["within_ms"])) if rules else None


def batching_problems(document: Document) -> Iterator[Problem]:
    """Yield the problems of `batch`: its own members, and what it cannot be combined with."""
    rules = document.get("batch")
    if rules is None:
        return
    if not isinstance(rules, Mapping):
        yield "batch", "type", {"message": "must be an object", "target": "object"}
        return
    for name in rules.keys() - LIMITS:
        details = {"message": "unknown; there may be max, within_ms", "target": [*LIMITS]}
        yield f"batch.{name}", "additionalProperties", details
    for name, (least, most) in LIMITS.items():
        if not _is_between(rules.get(name), least, most):
            message = f"must be a whole number from {least} to {most}"
            yield f"batch.{name}", "invalid", {"message": message}
    obstacles = "; ".join(_obstacles(document))
    if obstacles:
        yield "batch", "invalid", {"message": obstacles}


def _is_between(value: Any, least: int, most: int) -> bool:
    """Return whether it is a whole number in the range; tools that write BSON may store 5.0."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return least <= value <= most and value == int(value)


def _obstacles(document: Document) -> Iterator[str]:
    if document.get("format") != "json":
        yield "needs format json: a form holds no list of events"
    if str(document.get("http_verb") or "post").lower() not in VERBS:
        yield "needs http_verb post or put"
    if (document.get("ordering") or "none") != "none":
        yield "cannot be combined with ordering: an ordered event waits for the one before it"
    if document.get("profile") is not None:
        yield "cannot be combined with profile: its requests have one event each"
    if any(document.get(name) is not None for name in ASKED):
        yield NOT_FOR_QUESTIONS
