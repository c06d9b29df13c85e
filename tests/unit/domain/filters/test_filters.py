from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from service.domain.filters.filters import BadFilters, Filters, filters_of, zone_of
from service.domain.filters.occurrence import ABSENT, CallFacts, LegPlace, Occurrence, reader_of
from service.domain.filters.patterns import matcher
from service.domain.filters.reading import DEEPEST, MOST_CLAUSES
from service.text.json_text import read_json

NOON_S = datetime(2026, 3, 4, 12, 0, tzinfo=UTC).timestamp()
"""A Wednesday."""
FACTS = CallFacts(
    direction=reader_of("direction"),
    caller=reader_of("from"),
    callee=reader_of("to"),
    internal_leg=reader_of("internal"),
    duration_s=reader_of("seconds"),
    at=lambda payload: payload.get("at", ABSENT),
)


def occurrence(payload: dict[str, Any], received_at: float = NOON_S) -> Occurrence:
    return Occurrence(payload, FACTS, received_at)


def holds(clause: dict[str, Any], payload: dict[str, Any], received_at: float = NOON_S) -> bool:
    return filters_of([clause]).holds(occurrence(payload, received_at))


def compared(op: str, value: Any, found: Any) -> bool:
    return holds({"member": "m", "op": op, "value": value}, {"m": found})


@pytest.mark.parametrize(
    ("op", "value", "held", "not_held"),
    [
        ("eq", "a", ["a"], ["A", "", 1, None, ["a"]]),
        ("eq", 1, [1], [1.0, True, "1", None]),
        ("eq", 1.5, [1.5, read_json(b"1.50")], ["1.5", 1]),
        ("eq", True, [True], [1, "true", False]),
        ("eq", None, [None], [0, "", False]),
        ("in", ["a", "b"], ["a", "b"], ["c", 1, None, ["a"]]),
        ("in", ["a", 1, None], ["a", 1, None], ["b", True, 1.0]),
        ("prefix", "+49", ["+49", "+4930"], ["4930", "", 49, None]),
        ("number", "+49*", ["+49 30 1234", "+49(30)12"], ["+4", "0049", 49, None]),
        ("number", ["1???", "+1*99"], ["1???", "+199", "+15599"], ["1001", "+19"]),
        ("exists", True, ["a", 0, False, {}], [None]),
        ("exists", False, [None], ["a", 0, False]),
        ("gt", 3, [3.1, 4, read_json(b"3.10")], [3, 2, "4", True, None]),
        ("gte", 3, [3, 4], [2.9, "3"]),
        ("lt", 3, [2, -1], [3, 4, "2", False]),
        ("lte", 3, [3, 2], [3.01]),
        ("gte", "2026-03", ["2026-03-01", "2027"], ["2026-02", 2027]),
        ("between", [1, 3], [1, 2.5, 3], [0, 3.1, "2", True]),
        ("between", ["b", "d"], ["b", "c", "d"], ["a", "e", 3]),
    ],
    ids=str,
)
def test_an_operator_compares_the_value_of_a_member(
    op: str, value: Any, held: list[Any], not_held: list[Any]
) -> None:
    assert [found for found in held if not compared(op, value, found)] == []
    assert [found for found in not_held if compared(op, value, found)] == []


@pytest.mark.parametrize(
    ("op", "value"),
    [("eq", None), ("in", [None, 1]), ("prefix", "a"), ("number", "*"), ("lt", 1), ("gt", ""),
     ("exists", True), ("between", [0, 9])],
)  # fmt: skip
def test_what_an_event_lacks_satisfies_no_comparison(op: str, value: Any) -> None:
    clause = {"member": "a.b", "op": op, "value": value}
    payloads: list[dict[str, Any]] = [{}, {"a": 1}, {"a": {}}, {"a": []}, {"a.b": 1}]
    for payload in payloads:
        assert not holds(clause, payload)
        assert holds({"not": clause}, payload)
    assert holds({"member": "a.b", "op": "exists", "value": False}, {})


@pytest.mark.parametrize(
    ("path", "held"),
    [("a.b.c", True), ("list.1.x", True), ("list.0.x", False), ("list.7.x", False),
     ("list.x", False), ("a.b", False)],
)  # fmt: skip
def test_a_path_leads_into_objects_and_lists(path: str, held: bool) -> None:
    payload = {"a": {"b": {"c": 1}}, "list": [{"x": 0}, {"x": 1}]}
    assert holds({"member": path, "op": "eq", "value": 1}, payload) is held


@pytest.mark.parametrize(
    ("pattern", "held", "not_held"),
    [
        ("+49*", ["+49", "+49301"], ["+4", "0049301"]),
        ("*99", ["99", "1299"], ["9", "991"]),
        ("+1*55*9", ["+1559", "+100550009"], ["+159", "+1559x"]),
        ("1001", ["1001", "10-01"], ["10011", ""]),
        ("*", ["", "1"], []),
        ("12*21", ["1221", "12021"], ["121", "12"]),
    ],
)
def test_a_star_stands_for_any_characters(
    pattern: str, held: list[str], not_held: list[str]
) -> None:
    matches = matcher([pattern])
    assert [number for number in held if not matches(number)] == []
    assert [number for number in not_held if matches(number)] == []


@pytest.mark.parametrize(
    ("clause", "payload", "held"),
    [
        ({"direction": "inbound"}, {"direction": "inbound"}, True),
        ({"direction": "outbound"}, {"direction": "inbound"}, False),
        ({"direction": "inbound"}, {}, False),
        ({"caller": "+49*"}, {"from": "+4930"}, True),
        ({"callee": ["+1*", "+49*"]}, {"to": "+4930"}, True),
        ({"callee": ["+1*", "+44*"]}, {"to": "+4930", "from": "+1"}, False),
        ({"internal_leg": False}, {}, True),
        ({"internal_leg": False}, {"internal": True}, False),
        ({"internal_leg": True}, {"internal": True}, True),
        ({"min_duration_s": 30}, {"seconds": 30}, True),
        ({"min_duration_s": 30}, {"seconds": 29}, False),
        ({"min_duration_s": 0}, {}, False),
        ({"any_of": [{"direction": "inbound"}, {"caller": "1*"}]}, {"from": "12"}, True),
        ({"any_of": [{"direction": "inbound"}, {"caller": "1*"}]}, {"from": "22"}, False),
        ({"all_of": [{"direction": "inbound"}, {"caller": "1*"}]}, {"from": "12"}, False),
        ({"not": {"all_of": [{"direction": "inbound"}, {"caller": "1*"}]}}, {"from": "12"}, True),
    ],
    ids=str,
)
def test_a_clause_knows_calls(clause: dict[str, Any], payload: dict[str, Any], held: bool) -> None:
    assert holds(clause, payload) is held


@pytest.mark.parametrize(
    ("clause", "place", "held"),
    [
        ({"first_leg": True}, LegPlace(is_first=True, ends_last=False), True),
        ({"first_leg": True}, LegPlace(is_first=False, ends_last=True), False),
        ({"first_leg": False}, LegPlace(is_first=False, ends_last=False), True),
        ({"last_leg": True}, LegPlace(is_first=False, ends_last=True), True),
        ({"last_leg": False}, LegPlace(is_first=True, ends_last=True), False),
        ({"first_leg": True}, None, False),
        ({"last_leg": False}, None, False),
    ],
    ids=str,
)
def test_a_clause_knows_the_leg_among_those_of_its_call(
    clause: dict[str, Any], place: LegPlace | None, held: bool
) -> None:
    filters = filters_of([{"not": {"not": clause}}])
    seen = replace(occurrence({}), place=place)
    assert filters.needs_call
    assert filters.holds(seen) is held
    assert [line.held for line in filters.lines(seen)] == [held, not held, held]


def at(day: int, hour: int, minute: int = 0) -> float:
    """Return a time in the week of Monday, 2 March 2026, in UTC."""
    return datetime(2026, 3, 2 + day, hour, minute, tzinfo=UTC).timestamp()


NIGHT = {"days": ["fri"], "from": "22:00", "to": "06:00"}


@pytest.mark.parametrize(
    ("time", "moment", "held"),
    [
        ({"from": "09:00", "to": "17:00"}, at(2, 9), True),
        ({"from": "09:00", "to": "17:00"}, at(2, 16, 59), True),
        ({"from": "09:00", "to": "17:00"}, at(2, 17), False),
        ({"from": "09:00", "to": "17:00"}, at(2, 8, 59), False),
        ({"from": "18:30"}, at(2, 23, 59), True),
        ({"to": "08:00"}, at(2, 0), True),
        ({"days": ["sat", "sun"]}, at(5, 0), True),
        ({"days": ["sat", "sun"]}, at(4, 23, 59), False),
        (NIGHT, at(4, 22), True),
        (NIGHT, at(5, 5, 59), True),
        (NIGHT, at(5, 6), False),
        (NIGHT, at(4, 5), False),
        (NIGHT, at(5, 22), False),
        ({"days": ["sun"], "from": "23:00", "to": "01:00"}, at(7, 0), True),
    ],
    ids=str,
)
def test_a_window_belongs_to_the_day_it_begins_on(
    time: dict[str, Any], moment: float, held: bool
) -> None:
    assert holds({"time": time}, {}, moment) is held


def test_times_of_day_are_read_in_the_zone_with_its_summer_time() -> None:
    office = filters_of([{"time": {"from": "09:00", "to": "17:00"}}], "Europe/Berlin")
    winter = datetime(2026, 1, 7, 8, 30, tzinfo=UTC).timestamp()
    summer = datetime(2026, 7, 8, 7, 30, tzinfo=UTC).timestamp()
    assert office.holds(occurrence({}, winter))
    assert office.holds(occurrence({}, summer))
    assert not office.in_zone("UTC").holds(occurrence({}, winter))
    assert office.in_zone("Europe/Berlin") is office


def test_the_time_of_the_event_counts_unless_it_lies_in_the_far_future() -> None:
    clause = {"time": {"from": "09:00", "to": "10:00"}}
    assert holds(clause, {"at": at(2, 9)}, received_at=at(2, 11))
    assert not holds(clause, {"at": at(2, 11)}, received_at=at(2, 11))
    assert holds(clause, {"at": 1e15}, received_at=at(2, 9))
    assert holds(clause, {"at": -1.0}, received_at=at(2, 9))


@pytest.mark.parametrize(
    ("filters", "paths"),
    [
        ("x", ["filters"]),
        ([1], ["filters.0"]),
        ([{}], ["filters.0"]),
        ([{"colour": "red"}], ["filters.0"]),
        ([{"direction": "inbound", "caller": "1"}], ["filters.0"]),
        ([{"direction": "inbound", "op": "eq"}], ["filters.0.op"]),
        ([{"direction": "sideways"}], ["filters.0.direction"]),
        ([{"member": "a", "value": 1}], ["filters.0.op"]),
        ([{"member": "a", "op": "like", "value": 1}], ["filters.0.op"]),
        ([{"member": "a", "op": ["eq"], "value": 1}], ["filters.0.op"]),
        ([{"member": "a", "op": "eq"}], ["filters.0.value"]),
        ([{"member": "a", "op": "eq", "value": {"b": 1}}], ["filters.0.value"]),
        ([{"member": "a", "op": "eq", "value": 2**63}], ["filters.0.value"]),
        ([{"member": "a", "op": "eq", "value": "x" * 257}], ["filters.0.value"]),
        ([{"member": "a", "op": "in", "value": []}], ["filters.0.value"]),
        ([{"member": "a", "op": "in", "value": [1] * 101}], ["filters.0.value"]),
        ([{"member": "a", "op": "prefix", "value": ""}], ["filters.0.value"]),
        ([{"member": "a", "op": "number", "value": "1" * 65}], ["filters.0.value"]),
        ([{"member": "a", "op": "exists", "value": 1}], ["filters.0.value"]),
        ([{"member": "a", "op": "gt", "value": True}], ["filters.0.value"]),
        ([{"member": "a", "op": "lt", "value": None}], ["filters.0.value"]),
        ([{"member": "a", "op": "between", "value": [3, 1]}], ["filters.0.value"]),
        ([{"member": "a", "op": "between", "value": [1, "2"]}], ["filters.0.value"]),
        ([{"member": "a", "op": "between", "value": [1]}], ["filters.0.value"]),
        ([{"member": "a..b", "op": "eq", "value": 1}], ["filters.0.member"]),
        ([{"member": 1, "op": "x"}], ["filters.0.member", "filters.0.op"]),
        ([{"member": ".".join("a" * 9), "op": "eq", "value": 1}], ["filters.0.member"]),
        ([{"caller": ""}], ["filters.0.caller"]),
        ([{"callee": ["1", 2]}], ["filters.0.callee"]),
        ([{"internal_leg": "false"}], ["filters.0.internal_leg"]),
        ([{"first_leg": 1}], ["filters.0.first_leg"]),
        ([{"not": {"last_leg": "true"}}], ["filters.0.not.last_leg"]),
        ([{"min_duration_s": -1}], ["filters.0.min_duration_s"]),
        ([{"min_duration_s": True}], ["filters.0.min_duration_s"]),
        ([{"time": {}}], ["filters.0.time"]),
        ([{"time": {"zone": "UTC"}}], ["filters.0.time"]),
        ([{"time": {"days": ["monday"]}}], ["filters.0.time.days"]),
        ([{"time": {"days": [["mon"]]}}], ["filters.0.time.days"]),
        ([{"time": {"from": "24:00"}}], ["filters.0.time.from"]),
        ([{"time": {"to": "9:00"}}], ["filters.0.time.to"]),
        ([{"time": {"from": "25:00", "to": "12:60"}}],
         ["filters.0.time.to", "filters.0.time.from"]),
        ([{"time": {"from": "09:00", "to": "09:00"}}], ["filters.0.time.to"]),
        ([{"any_of": []}], ["filters.0.any_of"]),
        ([{"any_of": {"direction": "inbound"}}], ["filters.0.any_of"]),
        ([{"not": [{"direction": "inbound"}]}], ["filters.0.not"]),
        ([{"caller": "1"}, {"caller": "2"}, {"any_of": [{"member": "a", "op": "?", "value": 1}]}],
         ["filters.2.any_of.0.op"]),
        ([{"caller": "1"}] * (MOST_CLAUSES + 1), ["filters"]),
    ],
    ids=lambda value: str(value)[:60],
)  # fmt: skip
def test_a_problem_is_told_with_the_path_of_its_clause(filters: Any, paths: list[str]) -> None:
    with pytest.raises(BadFilters) as caught:
        filters_of(filters)
    assert [path for path, _, _ in caught.value.problems] == paths
    assert all(details["message"] for _, _, details in caught.value.problems)


def nested(depth: int) -> dict[str, Any]:
    clause: dict[str, Any] = {"direction": "inbound"}
    for _ in range(depth - 1):
        clause = {"not": clause}
    return clause


def test_the_depth_is_bounded() -> None:
    assert filters_of([nested(DEEPEST)])
    with pytest.raises(BadFilters, match="nested deeper"):
        filters_of([nested(DEEPEST + 1)])
    with pytest.raises(BadFilters, match="nested deeper"):
        filters_of([nested(500)])


def test_an_unknown_operator_is_answered_with_the_known_ones() -> None:
    with pytest.raises(BadFilters) as caught:
        filters_of([{"member": "a", "op": "contains", "value": 1}])
    _, code, details = caught.value.problems[0]
    assert (code, details["value"]) == ("enum", "contains")
    assert {"eq", "in", "prefix", "number", "exists", "between"} <= set(details["target"])


def test_each_clause_tells_whether_it_held_and_the_value_found() -> None:
    filters = filters_of(
        [
            {"member": "cause", "op": "eq", "value": "BUSY"},
            {"any_of": [{"min_duration_s": 30}, {"member": "x.y", "op": "exists", "value": True}]},
        ]
    )
    told = filters.lines(occurrence({"cause": "BUSY", "seconds": 10}))
    assert [(line.path, line.held, line.found) for line in told] == [
        ("filters.0", True, 'the event\'s cause is "BUSY"'),
        ("filters.1", False, None),
        ("filters.1.any_of.0", False, "the event's duration is 10"),
        ("filters.1.any_of.1", False, "the event has no x.y"),
    ]
    assert [line.path for line in filters.failing(occurrence({"cause": "BUSY"}))] == ["filters.1"]
    assert str(told[2]) == (
        "filters.1.any_of.0 (duration at least 30 s) did not hold: the event's duration is 10"
    )


def test_filters_are_equal_where_their_documents_and_zones_are() -> None:
    assert made() == made()
    assert made() != made("Europe/Berlin")
    assert made() != filters_of([{"caller": "2*"}])


def made(zone: str = "UTC") -> Filters:
    return filters_of([{"caller": "1*"}], zone)


@pytest.mark.parametrize("name", ["", "Mars/Base", "../../etc/passwd", "/etc/passwd", 1, "x" * 99])
def test_a_zone_that_does_not_exist_is_none(name: Any) -> None:
    assert zone_of(name) is None
    assert zone_of("Europe/Berlin") is not None
