"""XML of an answer: expat without document types, entities or anything external.

expat is used directly: its handlers refuse a DOCTYPE at its first character, before an entity can
be declared, and bound depth and number of elements while reading. defusedxml sets the same handlers
on the same expat, and builds the whole tree first.
"""

from dataclasses import dataclass, field
from xml.parsers import expat

from service.answers.content import text_of
from service.answers.errors import BadAnswer, BadAnswerReason
from service.answers.policy import AnswerPolicy

MAX_ATTRIBUTES = 64
"""Most attributes of an element; the verb with the most has 20."""


@dataclass(slots=True, eq=False)
class Element:
    """Element with the text directly inside."""

    name: str
    attributes: dict[str, str]
    parent: "Element | None" = None
    children: list["Element"] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """The text directly inside, without the blanks around it."""
        return "".join(self.texts).strip()

    @property
    def path(self) -> str:
        """Its position, counted from 1 among the elements of its name: `Response/Gather[1]`."""
        if self.parent is None:
            return self.name[:40]
        same = [one for one in self.parent.children if one.name == self.name]
        return f"{self.parent.path}/{self.name[:40]}[{same.index(self) + 1}]"


def read_xml(content: bytes, charset: str, policy: AnswerPolicy) -> Element:
    """Return the root of an answer's XML. Raises BadAnswer."""
    text = text_of(content, charset, policy)
    reader = _Reader(policy)
    try:
        reader.parser.Parse(text.encode(), True)  # noqa: FBT003 - expat takes no keyword
    except expat.ExpatError as error:
        message = expat.errors.messages[error.code]
        position = f"line {error.lineno}, column {error.offset + 1}"
        raise BadAnswer(BadAnswerReason.MALFORMED, f"not XML: {message}, {position}") from None
    return reader.root


class _Reader:
    def __init__(self, policy: AnswerPolicy) -> None:
        self._policy = policy
        self._open: list[Element] = []
        self._elements = 0
        self.root: Element
        # The text was decoded already: whatever its declaration says, it is UTF-8 now.
        self.parser = expat.ParserCreate("utf-8")
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text
        self.parser.StartDoctypeDeclHandler = self._refuse

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if len(self._open) >= self._policy.max_depth:
            detail = f"{self._open[-1].path}: more than {self._policy.max_depth} levels deep"
            raise BadAnswer(BadAnswerReason.TOO_DEEP, detail)
        if self._elements > self._policy.max_verbs:
            detail = f"more than {self._policy.max_verbs} verbs"
            raise BadAnswer(BadAnswerReason.TOO_MANY_VERBS, detail)
        if len(attributes) > MAX_ATTRIBUTES:
            detail = f"{name[:40]}: more than {MAX_ATTRIBUTES} attributes"
            raise BadAnswer(BadAnswerReason.BAD_ATTRIBUTE, detail)
        self._elements += 1
        if self._open:
            element = Element(name, attributes, self._open[-1])
            self._open[-1].children.append(element)
        else:
            element = self.root = Element(name, attributes)
        self._open.append(element)

    def _end(self, _: str) -> None:
        self._open.pop()

    def _text(self, text: str) -> None:
        self._open[-1].texts.append(text)

    def _refuse(self, *_: object) -> None:
        raise BadAnswer(BadAnswerReason.DTD, "a document type (DOCTYPE) is not allowed")
