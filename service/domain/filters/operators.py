"""Operators of a clause on a member: the values they take, and the tests they make."""

from collections.abc import Callable, Mapping, Sequence
from math import isfinite
from operator import ge, gt, le, lt
from typing import Any

from service.domain.filters.occurrence import ABSENT
from service.domain.filters.patterns import LONGEST_PATTERN, MOST_PATTERNS, matcher
from service.domain.immutable import immutable
from service.text.json_text import same

MOST_VALUES = 100
LONGEST_TEXT = 256
LEAST_INTEGER, MOST_INTEGER = -(2**63), 2**63 - 1
"""Integers that the store can hold."""

Test = Callable[[Any], bool]


@immutable
class Operator:
    """`problem` tells what is wrong with a value, or None; `test` makes the test of a good one."""

    problem: Callable[[Any], str | None]
    test: Callable[[Any], Test]
    takes: str
    """The values it takes, in words."""


def _is_scalar(value: Any) -> bool:
    if isinstance(value, str):
        return len(value) <= LONGEST_TEXT
    if isinstance(value, float):
        return isfinite(value)
    if isinstance(value, int):
        return LEAST_INTEGER <= value <= MOST_INTEGER
    return value is None


def _is_ordered(value: Any) -> bool:
    return _is_scalar(value) and not isinstance(value, bool) and value is not None


def _is_list(value: Any, most: int) -> bool:
    return isinstance(value, list) and 0 < len(value) <= most


def _is_range(value: Any) -> bool:
    if not (_is_list(value, 2) and len(value) == 2 and all(map(_is_ordered, value))):
        return False
    low, high = value
    return isinstance(low, str) is isinstance(high, str) and low <= high


def _is_pattern(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= LONGEST_PATTERN


def are_patterns(value: Any) -> bool:
    """Return whether the value is a pattern of numbers, or a list of them."""
    return _is_pattern(value) or (_is_list(value, MOST_PATTERNS) and all(map(_is_pattern, value)))


def pattern_test(value: Any) -> Test:
    """Return the test for a pattern or a list of patterns."""
    return matcher([value] if isinstance(value, str) else value)


def _unless(good: Callable[[Any], bool], takes: str) -> Callable[[Any], str | None]:
    return lambda value: None if good(value) else f"must be {takes}"


def _of(good: Callable[[Any], bool], takes: str, test: Callable[[Any], Test]) -> Operator:
    return Operator(_unless(good, takes), test, takes)


def _equal(wanted: Any) -> Test:
    if type(wanted) is str:
        # The common case; a text is never equal to another type.
        return lambda value: bool(value == wanted)
    return lambda value: same(value, wanted)


def _among(wanted: Sequence[Any]) -> Test:
    if all(type(one) is str for one in wanted):
        texts = frozenset(wanted)
        return lambda value: type(value) is str and value in texts
    return lambda value: any(same(value, one) for one in wanted)


def _begins(prefix: str) -> Test:
    return lambda value: isinstance(value, str) and value.startswith(prefix)


def _exists(wanted: Any) -> Test:
    return lambda value: (value is not ABSENT and value is not None) is wanted


def _compared(compare: Callable[[Any, Any], bool]) -> Callable[[Any], Test]:
    def test(bound: Any) -> Test:
        if isinstance(bound, str):
            return lambda value: isinstance(value, str) and compare(value, bound)
        return lambda value: is_number(value) and compare(value, bound)

    return test


def is_number(value: Any) -> bool:
    """Return whether a value is a number, as in JSON: booleans are none."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def _within(bounds: Sequence[Any]) -> Test:
    least, most = _compared(ge)(bounds[0]), _compared(le)(bounds[1])
    return lambda value: least(value) and most(value)


SCALAR = f"a text of at most {LONGEST_TEXT} characters, a number, a boolean or null"
ORDERED = f"a number, or a text of at most {LONGEST_TEXT} characters"
PATTERNS = (
    f"a pattern of at most {LONGEST_PATTERN} characters, such as +49*, or a list of at most "
    f"{MOST_PATTERNS} patterns"
)
OPERATORS: Mapping[str, Operator] = {
    "eq": _of(_is_scalar, SCALAR, _equal),
    "in": _of(
        lambda value: _is_list(value, MOST_VALUES) and all(map(_is_scalar, value)),
        f"a list of 1 to {MOST_VALUES} values, each {SCALAR}",
        _among,
    ),
    "prefix": _of(
        lambda value: isinstance(value, str) and 0 < len(value) <= LONGEST_TEXT,
        f"a text of 1 to {LONGEST_TEXT} characters",
        _begins,
    ),
    "number": _of(are_patterns, PATTERNS, pattern_test),
    "exists": _of(lambda value: isinstance(value, bool), "true or false", _exists),
    "gt": _of(_is_ordered, ORDERED, _compared(gt)),
    "gte": _of(_is_ordered, ORDERED, _compared(ge)),
    "lt": _of(_is_ordered, ORDERED, _compared(lt)),
    "lte": _of(_is_ordered, ORDERED, _compared(le)),
    "between": _of(
        _is_range, "the least and the most value: two numbers, or two texts, in order", _within
    ),
}
