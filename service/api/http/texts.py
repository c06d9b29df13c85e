"""Refuse control characters in every string of a request, at any depth."""

import re
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from service.domain.errors import Invalid

CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
"""Unicode's category Cc. All scripts are allowed, and all blanks but tabs and line ends."""
MOST_TOLD = 20
LONGEST_FIELD = 200


Entries = Iterator[tuple[str | int, Any]]


def refuse_controls(members: Mapping[str, Any], unwrap: str | None = None) -> None:
    """Raise Invalid if a name or a value, at any depth, has a control character.

    Problems inside the member `unwrap` are named without its name.
    """
    problems = {
        place: {"invalid": {"message": "control characters are not allowed"}}
        for place in islice(_places(members, unwrap), MOST_TOLD)
    }
    if problems:
        raise Invalid(problems)


def _places(members: Mapping[str, Any], unwrap: str | None) -> Iterator[str]:
    """Yield the paths of such strings, as names joined by dots.

    It keeps its own stack, since a body may be nested more deeply than the call stack allows, and
    builds a path only when needed: all paths together could be far longer than the body.
    """
    stack: list[tuple[str, Entries]] = [("", _entries(members))]
    while stack:
        place, entries = stack[-1]
        for name, value in entries:
            if _has_control(name) or _has_control(value):
                yield _joined(place, name)
            if isinstance(value, dict | list):
                where = _joined(place, name)
                outermost = len(stack) == 1 and name == unwrap
                stack.append(("" if outermost else where, _entries(value)))
                break
        else:
            stack.pop()


def _entries(value: Mapping[str, Any] | list[Any]) -> Entries:
    return iter(enumerate(value) if isinstance(value, list) else value.items())


def _joined(place: str, name: str | int) -> str:
    short = str(name)[:LONGEST_FIELD]
    return f"{place}.{short}"[:LONGEST_FIELD] if place else short


def _has_control(value: Any) -> bool:
    return isinstance(value, str) and CONTROL.search(value) is not None
