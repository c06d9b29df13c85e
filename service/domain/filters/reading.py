"""Reading of a webhook's `filters`: every problem with its path, or the clauses."""

from collections.abc import Callable, Mapping, Sequence
from datetime import tzinfo
from typing import Any

from service.domain.filters.clause import (
    Clause,
    Comparison,
    Group,
    all_hold,
    any_holds,
    none_holds,
    shortened,
)
from service.domain.filters.occurrence import ABSENT, LegPlace, Occurrence, reader_of
from service.domain.filters.operators import (
    OPERATORS,
    PATTERNS,
    are_patterns,
    is_number,
    pattern_test,
)
from service.domain.filters.schedule import DAY_MINUTES, DAYS, local, minutes_of, schedule_of

Problem = tuple[str, str, dict[str, Any]]
"""Path, code, details."""

MOST_CLAUSES = 50
DEEPEST = 5
LONGEST_PATH, MOST_NAMES = 256, 8
DIRECTIONS = ("inbound", "outbound")
LONGEST_DURATION_S = 86_400 * 7
GROUPS = ("any_of", "all_of", "not")


class FiltersReader:
    """Reads clauses, and collects their problems; with any problem, the clauses are incomplete."""

    def __init__(self, zone: tzinfo) -> None:
        self.problems: list[Problem] = []
        self.needs_call = False
        """Whether a clause asks for the place of the event's leg in its call."""
        self._zone = zone
        self._count = 0

    def read(self, filters: Any) -> list[Clause]:
        """Return the clauses of a document's `filters`."""
        clauses = self._listed(filters, "filters", 1)
        if self._count > MOST_CLAUSES:
            message = f"{self._count} clauses, nested ones included; at most {MOST_CLAUSES}"
            self._note("filters", "maxItems", message, target=MOST_CLAUSES)
        return clauses

    def _listed(self, clauses: Any, path: str, depth: int) -> list[Clause]:
        if not isinstance(clauses, list):
            self._note(path, "type", "must be a list of clauses", target="array")
            return []
        if depth > 1 and not clauses:
            self._note(path, "minItems", "must have a clause", target=1)
        read = (self._clause(one, f"{path}.{n}", depth) for n, one in enumerate(clauses))
        return [clause for clause in read if clause is not None]

    def _clause(self, clause: Any, path: str, depth: int) -> Clause | None:
        self._count += 1
        if not isinstance(clause, Mapping):
            self._note(path, "type", "a clause must be an object", target="object")
            return None
        if depth > DEEPEST:
            self._note(path, "invalid", f"nested deeper than {DEEPEST} levels", target=DEEPEST)
            return None
        kinds = [kind for kind in self._kinds if kind in clause]
        if len(kinds) != 1:
            said = " and ".join(kinds) if kinds else "none of them"
            message = f"a clause must have exactly one of {', '.join(self._kinds)}; it has {said}"
            self._note(path, "oneOf", message, target=list(self._kinds))
            return None
        allowed = ("member", "op", "value") if kinds == ["member"] else (kinds[0],)
        for key in clause:
            if key not in allowed:
                message = f"unknown here; beside {kinds[0]} there may be {_words(allowed)}"
                self._note(f"{path}.{key}", "additionalProperties", message, target=list(allowed))
        if kinds[0] in GROUPS:
            return self._group(kinds[0], clause, path, depth)
        return self._kinds[kinds[0]](self, clause, path)

    def _group(self, kind: str, clause: Mapping[str, Any], path: str, depth: int) -> Clause | None:
        inner, deeper = f"{path}.{kind}", depth + 1
        if kind == "not":
            inverted = self._clause(clause[kind], inner, deeper)
            return inverted and Group(path, "not", [inverted], none_holds)
        clauses = self._listed(clause[kind], inner, deeper)
        if kind == "any_of":
            return Group(path, "any of", clauses, any_holds)
        return Group(path, "all of", clauses, all_hold)

    def _member(self, clause: Mapping[str, Any], path: str) -> Clause | None:
        member, op, value = clause["member"], clause.get("op"), clause.get("value", ABSENT)
        fault = path_fault(member)
        if fault:
            self._note(f"{path}.member", "invalid", fault)
        operator = OPERATORS.get(op) if isinstance(op, str) else None
        if operator is None:
            message = f"must be one of {', '.join(OPERATORS)}"
            self._note(f"{path}.op", "enum", message, target=list(OPERATORS), value=op)
            return None
        wrong = f"must be {operator.takes}" if value is ABSENT else operator.problem(value)
        if wrong:
            self._note(f"{path}.value", "invalid", f"{wrong}, for {op}")
        if fault or wrong:
            return None
        read = reader_of(member)
        find: Callable[[Occurrence], Any] = lambda occurrence: read(occurrence.payload)  # noqa: E731
        return Comparison(path, member, f"{op} {shortened(value)}", find, operator.test(value))

    def _direction(self, clause: Mapping[str, Any], path: str) -> Clause | None:
        wanted = clause["direction"]
        if wanted not in DIRECTIONS:
            message = f"must be {' or '.join(DIRECTIONS)}"
            self._note(f"{path}.direction", "enum", message, target=list(DIRECTIONS))
            return None
        find: Callable[[Occurrence], Any] = lambda one: one.call.direction(one.payload)  # noqa: E731
        return Comparison(path, "direction", f"is {wanted}", find, lambda found: found == wanted)

    def _caller(self, clause: Mapping[str, Any], path: str) -> Clause | None:
        find: Callable[[Occurrence], Any] = lambda one: one.call.caller(one.payload)  # noqa: E731
        return self._number("caller", clause, path, find)

    def _callee(self, clause: Mapping[str, Any], path: str) -> Clause | None:
        find: Callable[[Occurrence], Any] = lambda one: one.call.callee(one.payload)  # noqa: E731
        return self._number("callee", clause, path, find)

    def _number(
        self, name: str, clause: Mapping[str, Any], path: str, find: Callable[[Occurrence], Any]
    ) -> Clause | None:
        patterns = clause[name]
        if not are_patterns(patterns):
            self._note(f"{path}.{name}", "invalid", f"must be {PATTERNS}")
            return None
        return Comparison(path, name, f"like {shortened(patterns)}", find, pattern_test(patterns))

    def _flag(self, name: str, clause: Mapping[str, Any], path: str) -> bool | None:
        """Return the value of a clause that takes true or false."""
        wanted = clause[name]
        if isinstance(wanted, bool):
            return wanted
        self._note(f"{path}.{name}", "type", "must be true or false", target="boolean")
        return None

    def _first_leg(self, clause: Mapping[str, Any], path: str) -> Clause | None:
        find: Callable[[LegPlace], bool] = lambda place: place.is_first  # noqa: E731
        return self._place("first_leg", clause, path, find)

    def _last_leg(self, clause: Mapping[str, Any], path: str) -> Clause | None:
        find: Callable[[LegPlace], bool] = lambda place: place.ends_last  # noqa: E731
        return self._place("last_leg", clause, path, find)

    def _place(
        self, name: str, clause: Mapping[str, Any], path: str, read: Callable[[LegPlace], bool]
    ) -> Clause | None:
        wanted = self._flag(name, clause, path)
        if wanted is None:
            return None
        self.needs_call = True
        find: Callable[[Occurrence], Any] = lambda one: read(one.place) if one.place else ABSENT  # noqa: E731
        test: Callable[[Any], bool] = lambda found: found is wanted  # noqa: E731
        return Comparison(path, name, f"is {str(wanted).lower()}", find, test)

    def _internal_leg(self, clause: Mapping[str, Any], path: str) -> Clause | None:
        wanted = self._flag("internal_leg", clause, path)
        if wanted is None:
            return None
        find: Callable[[Occurrence], Any] = lambda one: one.call.internal_leg(one.payload)  # noqa: E731
        # Only calls of some switches have internal legs: any other leg is none.
        return Comparison(
            path,
            "internal_leg",
            f"is {str(wanted).lower()}",
            find,
            lambda found: (found is True) is wanted,
        )

    def _duration(self, clause: Mapping[str, Any], path: str) -> Clause | None:
        least = clause["min_duration_s"]
        if not is_number(least) or not 0 <= least <= LONGEST_DURATION_S:
            message = f"must be a number of seconds from 0 to {LONGEST_DURATION_S}"
            self._note(f"{path}.min_duration_s", "invalid", message)
            return None
        find: Callable[[Occurrence], Any] = lambda one: one.call.duration_s(one.payload)  # noqa: E731
        wanted = f"at least {least} s"
        test: Callable[[Any], bool] = lambda found: is_number(found) and found >= least  # noqa: E731
        return Comparison(path, "duration", wanted, find, test)

    def _time(self, clause: Mapping[str, Any], path: str) -> Clause | None:
        value, faults = clause["time"], len(self.problems)
        self._check_time(value, f"{path}.time")
        if len(self.problems) > faults:
            return None
        schedule, zone = schedule_of(value), self._zone
        find: Callable[[Occurrence], Any] = lambda one: local(one.at, zone)  # noqa: E731
        wanted = f"in {shortened(value)}"
        return Comparison(path, f"time in {zone}", wanted, find, schedule.contains)

    def _check_time(self, value: Any, path: str) -> None:
        names = ("days", "from", "to")
        if not isinstance(value, Mapping) or not value or not value.keys() <= set(names):
            self._note(path, "invalid", f"must be an object of {_words(names)}", target=list(names))
            return
        days, begin, end = value.get("days"), value.get("from", "00:00"), value.get("to", "24:00")
        if "days" in value and not (
            isinstance(days, list) and days and all(day in DAYS for day in days)
        ):
            message = f"must be a list of days: {', '.join(DAYS)}"
            self._note(f"{path}.days", "enum", message, target=list(DAYS))
        if minutes_of(end) is None:
            self._note(f"{path}.to", "invalid", "must be a time from 00:00 to 24:00")
        if minutes_of(begin) in (None, DAY_MINUTES):
            self._note(f"{path}.from", "invalid", "must be a time from 00:00 to 23:59")
        elif minutes_of(end) == minutes_of(begin):
            self._note(f"{path}.to", "invalid", "must differ from the time it begins")

    def _note(self, path: str, code: str, message: str, **details: Any) -> None:
        self.problems.append((path, code, {"message": message, **details}))

    _kinds: Mapping[str, Callable[..., Clause | None]] = {
        "member": _member,
        "direction": _direction,
        "caller": _caller,
        "callee": _callee,
        "internal_leg": _internal_leg,
        "first_leg": _first_leg,
        "last_leg": _last_leg,
        "min_duration_s": _duration,
        "time": _time,
        "any_of": _group,
        "all_of": _group,
        "not": _group,
    }
    """What a clause may be about."""


def path_fault(path: Any) -> str | None:
    """Return what is wrong with the path of a member, or None."""
    if not isinstance(path, str) or not 0 < len(path) <= LONGEST_PATH:
        return f"must be the name of a member, of at most {LONGEST_PATH} characters"
    names = path.split(".")
    if len(names) > MOST_NAMES or not all(names):
        return f"must be 1 to {MOST_NAMES} names with dots between them"
    return None


def _words(names: Sequence[str]) -> str:
    return ", ".join(names)
