from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from service.domain.filters.clause import Line
from service.domain.filters.filters import BadFilters, filters_of
from service.domain.filters.occurrence import CallFacts, Occurrence, reader_of
from service.text.json_text import same
from tests.property.strategies import json_objects, json_values

FACTS = CallFacts(
    direction=reader_of("direction"), caller=reader_of("caller"), duration_s=reader_of("seconds")
)
DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
NOTHING = object()

small = st.sampled_from(["a", "ab", "", "12", 1, 1.0, 2, -3.5, True, False, None])
ordered = st.sampled_from([1, 2, -3.5, 0, "a", "ab", "b"])
patterns = st.text("12*", min_size=1, max_size=5)
times = st.integers(0, 1439).map(lambda minute: f"{minute // 60:02}:{minute % 60:02}")
members = st.sampled_from(["a", "b", "n.a", "n.b"])


def on_member(op: str, values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({"member": members, "op": st.just(op), "value": values})


leaves = st.one_of(
    on_member("eq", small),
    on_member("in", st.lists(small, min_size=1, max_size=4)),
    on_member("prefix", st.sampled_from(["a", "ab", "1"])),
    on_member("exists", st.booleans()),
    on_member("number", patterns),
    *(on_member(op, ordered) for op in ("gt", "gte", "lt", "lte")),
    on_member("between", st.lists(st.integers(-4, 4), min_size=2, max_size=2).map(sorted)),
    st.fixed_dictionaries({"direction": st.sampled_from(["inbound", "outbound"])}),
    st.fixed_dictionaries({"caller": st.lists(patterns, min_size=1, max_size=3)}),
    st.fixed_dictionaries({"min_duration_s": st.integers(0, 4)}),
    st.fixed_dictionaries(
        {
            "time": st.fixed_dictionaries(
                {"from": times, "to": times},
                optional={"days": st.lists(st.sampled_from(DAYS), min_size=1)},
            ).filter(lambda time: time["from"] != time["to"])
        }
    ),
)

clauses = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.fixed_dictionaries({"any_of": st.lists(inner, min_size=1, max_size=3)}),
        st.fixed_dictionaries({"all_of": st.lists(inner, min_size=1, max_size=3)}),
        st.fixed_dictionaries({"not": inner}),
    ),
    max_leaves=4,
)
payloads = st.fixed_dictionaries(
    {},
    optional={
        "a": small,
        "b": small,
        "n": st.dictionaries(st.sampled_from("ab"), small) | small,
        "direction": st.sampled_from(["inbound", "outbound", "x"]),
        "caller": st.text("12", max_size=4) | st.just(12),
        "seconds": st.integers(0, 5) | st.just("3"),
    },
)
moments = st.integers(0, 2_000_000_000).map(float)


@given(st.lists(clauses, max_size=4), payloads, moments)
@example([{"member": "a", "op": "eq", "value": 1}], {"a": True}, 0.0)
def test_compiled_filters_equal_a_plain_evaluation(
    filters: list[dict[str, Any]], payload: dict[str, Any], at: float
) -> None:
    compiled = filters_of(filters)
    occurrence = Occurrence(payload, FACTS, at)

    expected = [evaluated(clause, payload, at) for clause in filters]

    assert compiled.holds(occurrence) is all(expected)
    told = [line for line in compiled.lines(occurrence) if line.path.count(".") == 1]
    assert [line.held for line in told] == expected
    assert list(map(Line.__str__, compiled.failing(occurrence))) == [
        str(line) for line in told if not line.held
    ]


def evaluated(clause: dict[str, Any], payload: dict[str, Any], at: float) -> bool:
    kind = "member" if "member" in clause else min(clause)
    value = clause[kind]
    caller, seconds = payload.get("caller"), payload.get("seconds")
    meanings: dict[str, Callable[[], Any]] = {
        "any_of": lambda: any([evaluated(one, payload, at) for one in value]),
        "all_of": lambda: all([evaluated(one, payload, at) for one in value]),
        "not": lambda: not evaluated(value, payload, at),
        "direction": lambda: payload.get("direction") == value,
        "caller": lambda: isinstance(caller, str) and any(fnmatchcase(caller, p) for p in value),
        "min_duration_s": lambda: isinstance(seconds, int) and seconds >= value,
        "time": lambda: in_window(value, datetime.fromtimestamp(at, UTC)),
        "member": lambda: matches(clause["op"], clause["value"], found(payload, value)),
    }
    return bool(meanings[kind]())


def found(payload: dict[str, Any], path: str) -> Any:
    value: Any = payload
    for name in path.split("."):
        value = value.get(name, NOTHING) if isinstance(value, dict) else NOTHING
    return value


def matches(op: str, wanted: Any, value: Any) -> bool:
    is_text, alike = isinstance(value, str), may_be_ordered(wanted, value)
    meanings: dict[str, Callable[[], Any]] = {
        "exists": lambda: (value is not NOTHING and value is not None) is wanted,
        "eq": lambda: same(value, wanted),
        "in": lambda: any(same(value, one) for one in wanted),
        "prefix": lambda: is_text and value[: len(wanted)] == wanted,
        "number": lambda: is_text and fnmatchcase(value, wanted),
        "gt": lambda: alike and value > wanted,
        "gte": lambda: alike and value >= wanted,
        "lt": lambda: alike and value < wanted,
        "lte": lambda: alike and value <= wanted,
        "between": lambda: matches("gte", wanted[0], value) and matches("lte", wanted[1], value),
    }
    return bool(meanings[op]())


def may_be_ordered(wanted: Any, value: Any) -> bool:
    if value is NOTHING or value is None or isinstance(value, bool):
        return False
    return isinstance(value, str) is isinstance(wanted, str)


def in_window(window: dict[str, Any], moment: datetime) -> bool:
    """Look for a day on which a window begins that the moment lies in."""
    days = window.get("days", DAYS)
    now = f"{moment:%H:%M}"
    today, yesterday = DAYS[moment.weekday()], DAYS[moment.weekday() - 1]
    if window["from"] < window["to"]:
        return today in days and window["from"] <= now < window["to"]
    return (today in days and now >= window["from"]) or (yesterday in days and now < window["to"])


@given(json_values(), json_objects)
def test_whatever_filters_are_given_reading_them_gives_filters_or_problems(
    filters: Any, payload: dict[str, Any]
) -> None:
    for whatever in (filters, [filters], [{"member": "a", "op": "eq", "value": filters}]):
        with suppress(BadFilters):
            assert filters_of(whatever).holds(Occurrence(payload, FACTS, 0.0)) in (True, False)
