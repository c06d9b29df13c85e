"""Parts that writers share: positions of steps, notes of omissions, checks of whole steps."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import islice
from typing import Any, TypeVar

from service.answers.document import (
    Connect,
    Dial,
    Document,
    Extra,
    Hangup,
    Play,
    Redirect,
    Say,
    Step,
    is_last,
)
from service.answers.errors import BadAnswer, BadAnswerReason
from service.answers.fields import Field, fields_of, shape_of
from service.answers.values import MOST_REPEATS, UNSET, VARIABLE

T = TypeVar("T")

MAX_WRITTEN = 300
"""Most nodes or actions of one document. Kazoo's are nested, two levels for each."""


@dataclass(frozen=True, slots=True)
class Written:
    """A document in one form. `dropped` names what the form cannot say, with its position."""

    content: bytes
    dropped: tuple[str, ...] = ()


@dataclass(slots=True)
class Notes:
    """Notes of one writer about what its form cannot say."""

    form: str
    dropped: list[str] = field(default_factory=list)

    def drop(self, position: str, why: str) -> None:
        """Note that something is left out."""
        self.dropped.append(f"{position}: {why}")

    def drop_all_but(self, step: object, position: str, said: Iterable[str]) -> None:
        """Note the attributes of a step that differ from their defaults and are not `said`."""
        verb: Any = type(step)
        for one in _unsaid(verb, tuple(said)):
            if getattr(step, one.name) != one.default:
                self.drop(f"{position}/@{one.name}", f"{self.form} has no such attribute")
        for extra in getattr(step, "extras", ()):
            if extra.form != self.form and extra.value != UNSET:
                self.drop(f"{position}/{extra.name}", f"only {extra.form} has it")

    def unsupported(self, position: str, why: str) -> BadAnswer:
        """Return the error for a step that the form cannot say."""
        return BadAnswer(BadAnswerReason.UNSUPPORTED, f"{position}: {why}")


@cache
def _unsaid(verb: Any, said: tuple[str, ...]) -> Sequence[Field]:
    """Return the attributes of a verb's class that are not among the `said` ones."""
    return [one for name, one in fields_of(verb).items() if name not in said]


def positioned(steps: Iterable[Step], parent: str = "") -> Iterator[tuple[str, Step]]:
    """Yield each step with its position: its name, and its number among the steps of that name."""
    counts: dict[str, int] = {}
    before = f"{parent}/" if parent else ""
    for step in steps:
        name = type(step).__name__
        counts[name] = number = counts.get(name, 0) + 1
        yield f"{before}{name}[{number}]", step


def reachable(steps: Iterable[Step], notes: Notes, parent: str = "") -> Iterator[tuple[str, Step]]:
    """Yield the steps up to the last that can run, and note the others."""
    ended = False
    for position, step in positioned(steps, parent):
        if ended:
            notes.drop(position, "never runs, as an earlier verb ends the document")
        else:
            yield position, step
        ended = ended or is_last(step)


def extras_of(step: object, form: str) -> tuple[Extra, ...]:
    """Return the members that only this form has."""
    return tuple([extra for extra in getattr(step, "extras", ()) if extra.form == form])


def problem_with(step: object) -> str | None:
    """Return what a step lacks as a whole, or None."""
    match step:
        case Say() if not step.text.strip():
            return "needs a text"
        case Play() if bool(step.url) == bool(step.digits):
            return "needs either a URL or digits"
        case Dial() if not step.numbers:
            return "needs a number"
        case Connect() if len(step.flows) != 1:
            return "needs exactly one flow"
    return None


def variables_in(steps: Iterable[Any], parent: str = "") -> Iterator[str]:
    """Yield the positions of texts with a variable, at any depth; a URL may have one."""
    for position, step in positioned(steps, parent):
        shape = shape_of(type(step))
        for name in shape.texts:
            if VARIABLE in (getattr(step, name) or ""):
                yield f"{position}/@{name}"
        for name in shape.nested:
            inner = getattr(step, name)
            if inner:
                yield from variables_in(inner, position)


def repeats(step: Say | Play, position: str, notes: Notes) -> int:
    """Return how often a step is written for a form that has no loop."""
    if not 0 < step.loop <= MOST_REPEATS:
        notes.drop(f"{position}/@loop", f"repeated {MOST_REPEATS} times")
        return MOST_REPEATS
    return step.loop


def bounded(parts: Iterable[T], position: str) -> list[T]:
    """Return what a writer made of steps. Raises BadAnswer if that is too much."""
    found = list(islice(parts, MAX_WRITTEN + 1))
    if len(found) > MAX_WRITTEN:
        where = position or "document"
        detail = f"{where}: more than {MAX_WRITTEN} verbs, once repetitions are written out"
        raise BadAnswer(BadAnswerReason.TOO_MANY_VERBS, detail)
    return found


def refuse_otherwise(step: Redirect, position: str, notes: Notes) -> None:
    """Note that the steps for an unreachable document are left out; without any, the call ends."""
    if step.otherwise == (Hangup(),):
        return
    for inner, _ in positioned(step.otherwise, position):
        notes.drop(inner, f"{notes.form} has no steps for a document that cannot be had")


def written(document: Document, content: bytes, notes: Notes) -> Written:
    """Return what a writer made, with what it and the parser left out."""
    return Written(content, (*document.ignored, *notes.dropped))
