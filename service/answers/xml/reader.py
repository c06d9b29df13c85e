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


@dataclass(slots=True)
class Element:
    """Element with the text directly inside; `path` is its position: `Response/Gather[1]`."""

    name: str
    attributes: dict[str, str]
    path: str
    children: list["Element"] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """The text directly inside, without the blanks around it."""
        return "".join(self.texts).strip()

    def position_of_next(self, name: str) -> str:
        """Return the path of the child that comes next, counted from 1 among its name."""
        number = 1 + [child.name for child in self.children].count(name)
        return f"{self.path}/{name[:40]}[{number}]"


def read_xml(content: bytes, charset: str, policy: AnswerPolicy) -> Element:
    """Return the root of an answer's XML. Raises BadAnswer."""
    text = text_of(content, charset, policy)
    reader = _Reader(policy)
    # The text was decoded already: whatever its declaration says, it is UTF-8 now.
    parser = expat.ParserCreate("utf-8")
    parser.buffer_text = True
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    parser.StartDoctypeDeclHandler = reader.refuse
    try:
        parser.Parse(text.encode(), True)  # noqa: FBT003 - expat takes no keyword
    except expat.ExpatError as error:
        message = expat.errors.messages[error.code]
        position = f"line {error.lineno}, column {error.offset + 1}"
        raise BadAnswer(BadAnswerReason.MALFORMED, f"not XML: {message}, {position}") from None
    return reader.root


class _Reader:
    """Handlers of expat. The parser, which has them, is not kept: nothing is left to collect."""

    def __init__(self, policy: AnswerPolicy) -> None:
        self._policy = policy
        self._open: list[Element] = []
        self._elements = 0
        self.root: Element

    def start(self, name: str, attributes: dict[str, str]) -> None:
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
            parent = self._open[-1]
            element = Element(name, attributes, parent.position_of_next(name))
            parent.children.append(element)
        else:
            element = self.root = Element(name, attributes, name[:40])
        self._open.append(element)

    def end(self, _: str) -> None:
        self._open.pop()

    def text(self, text: str) -> None:
        self._open[-1].texts.append(text)

    def refuse(self, *_: object) -> None:
        raise BadAnswer(BadAnswerReason.DTD, "a document type (DOCTYPE) is not allowed")
