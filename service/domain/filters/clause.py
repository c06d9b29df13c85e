"""Clauses that were checked: each tells whether it holds for an event, and why not."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import orjson

from service.domain.filters.occurrence import ABSENT, Occurrence
from service.domain.immutable import immutable
from service.text.json_text import write_json

LONGEST_VALUE = 80
Program = Callable[[Occurrence], bool]


@immutable
class Line:
    """The result of one clause for an event; `found` tells the value that was looked at."""

    path: str
    wanted: str
    held: bool
    found: str | None

    def __str__(self) -> str:
        verdict = "held" if self.held else "did not hold"
        return f"{self.path} ({self.wanted}) {verdict}" + (f": {self.found}" if self.found else "")


@immutable
class Comparison:
    """A clause that tests one value. `name` and `wanted` are the value and the test in words."""

    path: str
    name: str
    wanted: str
    find: Callable[[Occurrence], Any]
    test: Callable[[Any], bool]

    def program(self) -> Program:
        """Return a function that tells whether the clause holds."""
        find, test = self.find, self.test
        return lambda occurrence: test(find(occurrence))

    def lines(self, occurrence: Occurrence) -> Iterator[Line]:
        """Yield the result of the clause."""
        found = self.find(occurrence)
        said = f"the event has no {self.name}"
        if found is not ABSENT:
            said = f"the event's {self.name} is {shortened(found)}"
        yield Line(self.path, f"{self.name} {self.wanted}", held=self.test(found), found=said)


@immutable
class Group:
    """Clauses of which any, or all, must hold; `inverted`, the opposite."""

    path: str
    wanted: str
    clauses: "Sequence[Clause]"
    combine: Callable[[Sequence[Program]], Program]

    def program(self) -> Program:
        """Return a function that tells whether the group holds."""
        return self.combine([clause.program() for clause in self.clauses])

    def lines(self, occurrence: Occurrence) -> Iterator[Line]:
        """Yield the result of the group, then those of its clauses."""
        yield Line(self.path, self.wanted, held=self.program()(occurrence), found=None)
        for clause in self.clauses:
            yield from clause.lines(occurrence)


Clause = Comparison | Group


def all_hold(programs: Sequence[Program]) -> Program:
    """Return a program that holds where every one does."""
    if len(programs) == 1:
        return programs[0]
    if len(programs) == 2:
        first, second = programs
        return lambda occurrence: first(occurrence) and second(occurrence)
    return lambda occurrence: all(program(occurrence) for program in programs)


def any_holds(programs: Sequence[Program]) -> Program:
    """Return a program that holds where one does."""
    return lambda occurrence: any(program(occurrence) for program in programs)


def none_holds(programs: Sequence[Program]) -> Program:
    """Return a program that holds where none does."""
    return lambda occurrence: not any(program(occurrence) for program in programs)


def shortened(value: Any) -> str:
    """Return a value as JSON text, cut where it is long."""
    try:
        text = write_json(value, orjson.OPT_NON_STR_KEYS).decode()
    except TypeError:
        text = str(value)
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}..."
