"""Patterns of telephone numbers, such as `+49*`."""

from collections.abc import Callable, Sequence
from typing import Any

MOST_PATTERNS = 50
LONGEST_PATTERN = 64
SEPARATORS = str.maketrans("", "", " -./()")
"""Characters that people write between digits, and that do not count."""


def matcher(patterns: Sequence[str]) -> Callable[[Any], bool]:
    """Return a test whether a value matches one of the patterns; `*` stands for any characters.

    Takes time in proportion to the length of the value, whatever the pattern.
    """
    tests = [_one(pattern.translate(SEPARATORS)) for pattern in patterns]
    if len(tests) == 1:
        only = tests[0]
        return lambda value: isinstance(value, str) and only(value.translate(SEPARATORS))

    def matches(value: Any) -> bool:
        if not isinstance(value, str):
            return False
        plain = value.translate(SEPARATORS)
        return any(test(plain) for test in tests)

    return matches


def _one(pattern: str) -> Callable[[str], bool]:
    begin, *more = pattern.split("*")
    if not more:
        return pattern.__eq__
    *middle, end = more
    if not any(middle) and not end:
        return lambda number: number.startswith(begin)
    shortest = len(begin) + len(end)

    def matches(number: str) -> bool:
        fits = number.startswith(begin) and number.endswith(end)
        if not fits or len(number) < shortest:
            return False
        position, stop = len(begin), len(number) - len(end)
        for part in middle:
            found = number.find(part, position, stop)
            if found < 0:
                return False
            position = found + len(part)
        return True

    return matches
