"""Check whether a webhook can have its events in batches."""

from collections.abc import Collection, Iterator

from service.documents.batching import CONCERNED, NOT_FOR_QUESTIONS, batching_problems
from service.documents.webhook_form import Document
from service.domain.filters.reading import Problem


def batch_problems(
    given: Document, merged: Document, questions: Collection[str]
) -> Iterator[Problem]:
    """Yield the problems of `batch` in the webhook after the change, if the change concerns it."""
    if merged.get("batch") is None or given.keys().isdisjoint(("hook", *CONCERNED)):
        return
    if merged.get("hook") in questions:
        yield "batch", "invalid", {"message": NOT_FOR_QUESTIONS}
    else:
        yield from batching_problems(merged)
