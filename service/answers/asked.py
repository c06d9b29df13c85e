"""Steps that ask for a document, in forms that write an `action` as a step of its own."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from service.answers.document import Dial, Gather, Record, Redirect, Step


def is_action(before: Sequence[Step], redirect: Redirect) -> bool:
    """Return whether a redirect is the `action` of the step before it."""
    last = before[-1] if before else None
    return isinstance(last, Gather | Dial | Record) and not (last.action or redirect.extras)


def redirected(
    before: Sequence[Step], redirect: Redirect, rest: tuple[Step, ...]
) -> tuple[Step, ...]:
    """Return the steps with a redirect after them, as `action` of the last where it is that.

    `rest` runs if there is no document: after an `action` as next steps, else as `otherwise`.
    """
    if not is_action(before, redirect):
        return (*before, replace(redirect, otherwise=rest))
    changed: dict[str, Any] = {"action": redirect.url, "method": redirect.method}
    if isinstance(before[-1], Gather):
        changed["action_on_empty_result"] = not rest
    return (*before[:-1], replace(before[-1], **changed), *rest)
