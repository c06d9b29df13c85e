"""Control characters are found wherever they stand, at a cost that the body's size bounds."""

import sys
import tracemalloc
from typing import Any

import pytest

from service.api.http.texts import LONGEST_FIELD, MOST_TOLD, refuse_controls
from service.domain.errors import Invalid


def places(members: dict[str, Any], unwrap: str | None = None) -> list[str]:
    """Return what is refused."""
    try:
        refuse_controls(members, unwrap)
    except Invalid as error:
        return list(error.problems)
    return []


@pytest.mark.parametrize(
    ("members", "found"),
    [
        ({}, []),
        ({"a": "b", "c": ["d", 1, None, True, 1.5, {"e": []}]}, []),
        ({"a": "b\0"}, ["a"]),
        ({"a\0": 1}, ["a\0"]),
        ({"a\0": "b\0"}, ["a\0"]),
        ({"a": {"b\n": {"c": "d"}}}, ["a.b\n"]),
        ({"a": [["x", "y\t"], {"b": "\x9f"}], "c": "\x7f"}, ["a.0.1", "a.1.b", "c"]),
        ({"data": {"a": "\0", "data": {"b": "\0"}}, "b": "\0"}, ["a", "data.b", "b"]),
    ],
)
def test_every_place_is_named(members: dict[str, Any], found: list[str]) -> None:
    assert places(members, unwrap="data") == found


def test_a_body_is_searched_to_any_depth() -> None:
    deep: Any = "a\0"
    for _ in range(sys.getrecursionlimit() * 2):
        deep = [deep]
    assert len(places({"k": deep})) == 1


def test_only_so_much_is_told() -> None:
    found = places({f"{number}{'x' * 1000}": "\0" for number in range(100)})
    assert len(found) == MOST_TOLD
    assert max(map(len, found)) == LONGEST_FIELD


def test_long_names_over_many_values_cost_no_memory() -> None:
    members = {"k" * 500_000: {"x" * 500_000: [""] * 200_000}}
    tracemalloc.start()
    assert places(members) == []
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 1_000_000
