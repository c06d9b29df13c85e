"""Verbs of the XML forms: elements to steps and back, by one table per form."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast
from xml.sax.saxutils import escape, quoteattr

from service.answers.document import Document, Redirect, Step
from service.answers.errors import BadAnswer, BadAnswerReason
from service.answers.fields import Field, fields_of, from_text, to_text
from service.answers.written import (
    Notes,
    Written,
    positioned,
    problem_with,
    refuse_otherwise,
    written,
)
from service.answers.xml.reader import Element

ROOT = "Response"
NUMBER_SEPARATORS = str.maketrans("", "", " -().\u00a0")


@dataclass(frozen=True, slots=True)
class Verb:
    """How an element and a value correspond.

    `text` is the attribute written as the element's text; `text_as` the element that a bare text
    stands for. `nested` has the elements allowed for each attribute that holds steps. `names` has
    the XML names that do not follow from the attribute's. `absent` has the values of attributes
    that are not there, where they differ from the default. `spellings` has the form's own words for
    values, `without` the attributes that the form lacks.
    """

    made: type
    text: str = ""
    text_as: str = ""
    nested: Mapping[str, Sequence[str]] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    absent: Mapping[str, Any] = field(default_factory=dict)
    spellings: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    without: frozenset[str] = frozenset()
    attributes: Mapping[str, Field] = field(init=False)
    """Types of the attributes by XML name."""
    required: Sequence[tuple[str, Field]] = field(init=False)
    """Those attributes without which it has no meaning."""
    everything: Sequence[str] = field(init=False)
    """Names of all that the element can say."""

    def __post_init__(self) -> None:
        named = {
            self.names.get(name) or xml_name(name): one
            for name, one in fields_of(self.made).items()
            if name != self.text and name not in self.without
        }
        said = (*(one.name for one in named.values()), self.text)
        object.__setattr__(self, "attributes", named)
        required = [(xml, one) for xml, one in named.items() if one.required]
        object.__setattr__(self, "required", required)
        object.__setattr__(self, "everything", said)


def xml_name(name: str) -> str:
    """Return the XML name of an attribute: without its unit, in camel case."""
    first, *others = name.removesuffix("_ms").removesuffix("_s").split("_")
    return first + "".join(word.capitalize() for word in others)


def _scale(name: str) -> int:
    return 1000 if name.endswith("_ms") else 1


ENTITIES = {"\n": "&#10;", "\r": "&#13;", "\t": "&#9;"}
"""Blanks that a reader of XML would change in an attribute."""

Table = Mapping[str, Verb]
Special = Callable[[Element], Sequence[Step]]


@dataclass(frozen=True, slots=True)
class Inside:
    """Elements allowed inside an element by name, and their classes by the attribute for them."""

    allowed: Table
    kinds: Mapping[str, frozenset[type]]

    @classmethod
    def of(cls, verb: Verb, elements: Table) -> "Inside":
        """Return the elements allowed inside a verb."""
        allowed = {tag: elements[tag] for tags in verb.nested.values() for tag in tags}
        kinds = {
            name: frozenset(elements[tag].made for tag in tags)
            for name, tags in verb.nested.items()
        }
        return cls(allowed, kinds)


@dataclass(frozen=True, slots=True)
class XmlForm:
    """An XML form: its verbs, the elements inside verbs, and verbs that have their own reader."""

    name: str
    verbs: Table
    parts: Table
    special: Mapping[str, Special] = field(default_factory=dict)
    written_as: Callable[[Step, str, Notes], str | None] = lambda *_: None
    """Returns the XML of a step that the table cannot write, else None."""
    fitted: Callable[[Step, str, Notes], Step] = lambda step, *_: step
    """Changes a step to what the form can say."""
    elements: Table = field(init=False)
    """The verbs and the elements inside verbs."""
    inside: Mapping[str, "Inside"] = field(init=False)

    def __post_init__(self) -> None:
        elements = {**self.verbs, **self.parts}
        inside = {name: Inside.of(verb, elements) for name, verb in elements.items()}
        object.__setattr__(self, "elements", elements)
        object.__setattr__(self, "inside", inside)

    def read(self, root: Element) -> Document:
        """Return the document of an element tree. Raises BadAnswer."""
        if root.name != ROOT:
            detail = f"{root.path}: the root must be {ROOT}"
            raise BadAnswer(BadAnswerReason.WRONG_TYPE, detail)
        ignored = [f"{root.path}/@{name}: unknown attribute" for name in root.attributes]
        _refuse_text(root)
        steps = self._steps(root, self.verbs, ignored)
        return Document(tuple(steps), tuple(ignored))

    def write(self, document: Document) -> Written:
        """Return the document as XML. Raises BadAnswer for a step that the form cannot say."""
        notes = Notes(self.name)
        body = "".join(self._written(step, at, notes) for at, step in positioned(document.steps))
        content = f'<?xml version="1.0" encoding="UTF-8"?><{ROOT}>{body}</{ROOT}>'
        return written(document, content.encode(), notes)

    def _steps(self, parent: Element, allowed: Table, ignored: list[str]) -> Iterator[Any]:
        for child in parent.children:
            if child.name in self.special and child.name in allowed:
                yield from self.special[child.name](child)
            elif child.name in allowed:
                yield self._value(child, allowed[child.name], ignored)
            else:
                detail = f"{child.path}: unknown verb; allowed here: {', '.join(allowed) or 'none'}"
                raise BadAnswer(BadAnswerReason.UNKNOWN_VERB, detail)

    def _value(self, element: Element, verb: Verb, ignored: list[str]) -> Any:
        values = _attributes(element, verb, ignored)
        if verb.nested or element.children:
            values |= self._nested(element, verb, ignored)
        if verb.text:
            values[verb.text] = _text(element, fields_of(verb.made)[verb.text])
        elif not verb.text_as:
            _refuse_text(element)
        step = verb.made(**values)
        problem = problem_with(step)
        if problem:
            raise BadAnswer(BadAnswerReason.BAD_ATTRIBUTE, f"{element.path}: {problem}")
        return step

    def _nested(self, element: Element, verb: Verb, ignored: list[str]) -> dict[str, Any]:
        inside = self.inside[element.name]
        if verb.text_as and element.text:
            path = element.position_of_next(verb.text_as)
            element.children.append(Element(verb.text_as, {}, path, texts=[element.text]))
        found = list(self._steps(element, inside.allowed, ignored))
        return {
            name: tuple([one for one in found if type(one) in kinds])
            for name, kinds in inside.kinds.items()
        }

    def _written(self, value: Any, position: str, notes: Notes) -> str:
        special = self.written_as(value, position, notes)
        if special is not None:
            return special
        value = self.fitted(value, position, notes)
        tag = _tag(value, self.elements)
        if tag is None:
            raise notes.unsupported(position, f"{self.name} has no such verb")
        name, verb = tag
        notes.drop_all_but(value, position, verb.everything)
        if isinstance(value, Redirect):
            refuse_otherwise(value, position, notes)
        inside = escape(getattr(value, verb.text), {"\r": "&#13;"}) if verb.text else ""
        for attribute in verb.nested:
            inner = positioned(getattr(value, attribute), position)
            inside += "".join(self._written(one, at, notes) for at, one in inner)
        attributes = "".join(_written_attributes(value, verb, position, notes))
        return f"<{name}{attributes}>{inside}</{name}>" if inside else f"<{name}{attributes}/>"


def _tag(value: object, table: Table) -> tuple[str, Verb] | None:
    return next(((tag, verb) for tag, verb in table.items() if verb.made is type(value)), None)


def _attributes(element: Element, verb: Verb, ignored: list[str]) -> dict[str, Any]:
    values = dict(verb.absent)
    for xml, text in element.attributes.items():
        one = verb.attributes.get(xml)
        if one is None:
            ignored.append(f"{element.path}/@{xml[:40]}: unknown attribute")
            continue
        try:
            values[one.name] = from_text(one, _plain(verb, one.name, text), _scale(one.name))
        except ValueError as error:
            detail = f"{element.path}/@{xml}: {error}"
            raise BadAnswer(BadAnswerReason.BAD_ATTRIBUTE, detail) from None
    for xml, one in verb.required:
        if one.name not in values:
            detail = f"{element.path}/@{xml}: missing; it must be {one.allowed}"
            raise BadAnswer(BadAnswerReason.BAD_ATTRIBUTE, detail)
    return values


def _plain(verb: Verb, name: str, text: str) -> str:
    """Return the neutral text of an attribute that the form spells in its own way."""
    spellings = verb.spellings.get(name)
    if spellings is None:
        return text
    return next((plain for plain, written in spellings.items() if written == text), text)


def _text(element: Element, one: Field) -> str:
    text = element.text
    if one.name == "number":
        text = text.translate(NUMBER_SEPARATORS)
    try:
        return cast("str", from_text(one, text))
    except ValueError as error:
        raise BadAnswer(BadAnswerReason.BAD_ATTRIBUTE, f"{element.path}: {error}") from None


def _refuse_text(element: Element) -> None:
    if element.text:
        detail = f"{element.path}: text is not allowed here"
        raise BadAnswer(BadAnswerReason.MALFORMED, detail)


def _written_attributes(value: Any, verb: Verb, position: str, notes: Notes) -> Iterable[str]:
    for xml, one in verb.attributes.items():
        held = getattr(value, one.name)
        if held == verb.absent.get(one.name, one.default):
            continue
        if held is None:
            raise notes.unsupported(
                position, f"{notes.form} always asks a document after this verb"
            )
        scale = _scale(one.name)
        if scale != 1 and held % scale:
            notes.drop(f"{position}/@{one.name}", "rounded up to whole seconds")
            held += scale - held % scale
        text = to_text(held, scale)
        yield f" {xml}={quoteattr(verb.spellings.get(one.name, {}).get(text, text), ENTITIES)}"
