"""The filters of one webhook, compiled once."""

from dataclasses import dataclass, field
from datetime import tzinfo
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from service.domain.filters.clause import Clause, Line, Program, all_hold
from service.domain.filters.occurrence import Occurrence
from service.domain.filters.reading import FiltersReader, Problem

UTC = "UTC"
LONGEST_ZONE = 64


class BadFilters(ValueError):
    """The filters have problems; the text names the first."""

    def __init__(self, problems: list[Problem]) -> None:
        path, _, details = problems[0]
        super().__init__(f"{path}: {details['message']}")
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Filters:
    """Clauses that must all hold. Two are equal if their documents and zones are."""

    document: list[Any]
    zone: str
    clauses: tuple[Clause, ...] = field(compare=False, repr=False)
    holds: Program = field(compare=False, repr=False)
    """Whether every clause holds for an event."""
    needs_call: bool = field(default=False, compare=False)
    """Whether a clause asks for the place of the event's leg in its call."""

    def lines(self, occurrence: Occurrence) -> list[Line]:
        """Return the result of every clause, nested ones included."""
        return [line for clause in self.clauses for line in clause.lines(occurrence)]

    def failing(self, occurrence: Occurrence) -> list[Line]:
        """Return the results of the outermost clauses that do not hold."""
        first = (next(iter(clause.lines(occurrence))) for clause in self.clauses)
        return [line for line in first if not line.held]

    def in_zone(self, zone: str) -> "Filters":
        """Return the filters with their times of day in another zone."""
        return self if zone == self.zone else filters_of(self.document, zone)


def filters_of(document: Any, zone: str = UTC) -> Filters:
    """Return the filters of a document; times of day are in a zone that exists.

    Raises BadFilters.
    """
    reader = FiltersReader(zone_of(zone) or ZoneInfo(UTC))
    clauses = tuple(reader.read(document))
    if reader.problems:
        raise BadFilters(reader.problems)
    programs = [clause.program() for clause in clauses]
    return Filters(document, zone, clauses, all_hold(programs), reader.needs_call)


def zone_of(name: Any) -> tzinfo | None:
    """Return the time zone of a name of the IANA database, or None if there is none."""
    if not isinstance(name, str) or not 0 < len(name) <= LONGEST_ZONE:
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None
