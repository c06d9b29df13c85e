"""Control characters: refused in every string that comes in, wherever it stands."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from service.domain.errors import Invalid

CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
"""Unicode's category Cc; every script and every blank but tabs and line ends is left."""
MOST_TOLD = 20
LONGEST_FIELD = 200


def refuse_controls(members: Mapping[str, Any], unwrap: str | None = None) -> None:
    """Raise Invalid where a name or a value, at any depth, has a control character.

    What is in the member `unwrap` is named without it.
    """
    found = _places(members, unwrap)
    problems = {
        place[:LONGEST_FIELD]: {"invalid": {"message": "control characters are not allowed"}}
        for place, _ in zip(found, range(MOST_TOLD), strict=False)
    }
    if problems:
        raise Invalid(problems)


def _places(members: Mapping[str, Any], unwrap: str | None) -> Iterator[str]:
    """Yield the places of such strings, as names joined by dots.

    It keeps its own stack, since a body may be nested more deeply than calls can be.
    """
    left: list[tuple[str, Any]] = [("", members)]
    while left:
        place, value = left.pop()
        if isinstance(value, str):
            if CONTROL.search(value):
                yield place
        elif isinstance(value, dict | list):
            entries = value.items() if isinstance(value, dict) else enumerate(value)
            for name, inner in entries:
                where = f"{place}.{name}" if place else str(name)
                if isinstance(name, str) and CONTROL.search(name):
                    yield where
                left.append(("" if where == unwrap else where, inner))
