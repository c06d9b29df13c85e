"""The forms of answers, how they are told apart, and translation from one to another."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from types import MappingProxyType
from typing import Final, Protocol

import orjson

from service.answers import own
from service.answers.content import refuse_size
from service.answers.document import (
    Answer,
    Dial,
    Document,
    Gather,
    Hangup,
    Play,
    Record,
    Redirect,
    Reject,
    Say,
    Step,
    is_last,
)
from service.answers.errors import BadAnswer, BadAnswerReason
from service.answers.kazoo import names as kazoo_names
from service.answers.kazoo import parse as kazoo_parse
from service.answers.kazoo import write as kazoo_write
from service.answers.policy import DEFAULT_POLICY, AnswerPolicy
from service.answers.voipbin import names as voipbin_names
from service.answers.voipbin import parse as voipbin_parse
from service.answers.voipbin import write as voipbin_write
from service.answers.written import Written, variables_in
from service.answers.xml import twiml, voxml

JSON: Final = "application/json"
XML: Final = "application/xml"
TYPES_REMEMBERED = 100
"""Content types whose parts are remembered; a server's answers have one or two."""


class Parser(Protocol):
    """Reads a document."""

    def __call__(
        self, content: bytes, policy: AnswerPolicy = DEFAULT_POLICY, charset: str = ""
    ) -> Document:
        """Return the document of an answer. Raises BadAnswer."""


@dataclass(frozen=True, slots=True)
class Form:
    """Form of an answer: its parser and its writer; both raise only BadAnswer."""

    name: str
    content_type: str
    parse: Parser
    write: Callable[[Document], Written]
    has_variables: bool = False
    """Whether the switch replaces `${name}` in texts. Names differ from switch to switch."""
    returns: bool = False
    """Whether the flow that asked goes on after the last step; elsewhere, the call ends there."""


FORMS: Mapping[str, Form] = MappingProxyType({
    form.name: form
    for form in (
        Form(voxml.NAME, XML, voxml.parse, voxml.write, has_variables=True),
        Form(twiml.NAME, XML, twiml.parse, twiml.write),
        Form(kazoo_names.NAME, JSON, kazoo_parse.parse, kazoo_write.write),
        Form(
            voipbin_names.NAME, JSON, voipbin_parse.parse, voipbin_write.write,
            has_variables=True, returns=True,
        ),
        Form(own.NAME, JSON, own.parse, own.write, has_variables=True),
    )
})  # fmt: skip
"""The forms by name."""


@dataclass(frozen=True, slots=True)
class Translated:
    """An answer in another form. `dropped` names what was left out, with its position."""

    content: bytes
    content_type: str
    document: Document
    dropped: tuple[str, ...]


def translate(
    content: bytes,
    content_type: str,
    into: str,
    *,
    source: str = "",
    policy: AnswerPolicy = DEFAULT_POLICY,
    change: Callable[[Document], Document] = lambda document: document,
) -> Translated:
    """Return an answer in the form `into`. Raises BadAnswer.

    `source` is the form of the answer; empty means that content type and content tell. `change`
    is applied between reading and writing, for the links. A verb that the form cannot say raises
    `unsupported`; an attribute that it cannot say is named in `dropped`.
    """
    source = source or form_of(content, content_type)
    document = read(content, content_type, source, policy)
    return written_as(change(document), source, into)


def read(
    content: bytes, content_type: str, source: str, policy: AnswerPolicy = DEFAULT_POLICY
) -> Document:
    """Return the document of an answer in the form `source`. Raises BadAnswer."""
    refuse_size(content, policy)
    form = FORMS[source]
    _refuse_type(form, content_type)
    return form.parse(content, policy, charset_of(content_type))


def written_as(document: Document, source: str, into: str) -> Translated:
    """Return a document that was read in the form `source` in the form `into`. Raises BadAnswer."""
    form, target = FORMS[source], FORMS[into]
    _refuse_variables(document, form, target)
    result = target.write(_fitted(document, form, target))
    return Translated(result.content, target.content_type, document, result.dropped)


def form_of(content: bytes, content_type: str) -> str:
    """Return the name of an answer's form. Raises BadAnswer.

    XML is taken for VoxML: nothing in it tells it from TwiML. Without a content type, the first
    character decides.
    """
    kind = _kind(content_type)
    first = content.lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
    if kind == XML or (not kind and first == b"<"):
        return voxml.NAME
    if kind == JSON or (not kind and first in (b"{", b"[")):
        return _json_form(content)
    if not kind and not first:
        raise BadAnswer(BadAnswerReason.EMPTY, "the answer has no content")
    raise _wrong_type(content_type or "none")


@lru_cache(maxsize=TYPES_REMEMBERED)
def charset_of(content_type: str) -> str:
    """Return the charset parameter of a content type, or an empty text."""
    for parameter in content_type.split(";")[1:]:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset":
            return value.strip().strip('"')
    return ""


@lru_cache(maxsize=TYPES_REMEMBERED)
def _kind(content_type: str) -> str:
    """Return JSON, XML, the media type if it is another, or an empty text if there is none."""
    media = content_type.partition(";")[0].strip().lower()
    if media == "text/xml" or media.endswith("+xml"):
        return XML
    return JSON if media.endswith("+json") else media


def _refuse_type(form: Form, content_type: str) -> None:
    if _kind(content_type) not in ("", form.content_type):
        raise _wrong_type(content_type)


def _wrong_type(content_type: str) -> BadAnswer:
    detail = f"content type {content_type[:80]!r} is not allowed; allowed: {JSON}, {XML}, text/xml"
    return BadAnswer(BadAnswerReason.WRONG_TYPE, detail)


def _json_form(content: bytes) -> str:
    """Return the form of JSON by its outermost value; what is no JSON is left to our own parser."""
    try:
        value = orjson.loads(content.removeprefix(b"\xef\xbb\xbf"))
    except orjson.JSONDecodeError:
        return own.NAME
    if isinstance(value, list):
        return voipbin_names.NAME
    is_flow = isinstance(value, dict) and "module" in value and "steps" not in value
    return kazoo_names.NAME if is_flow else own.NAME


def _refuse_variables(document: Document, source: Form, target: Form) -> None:
    """Raise BadAnswer for a variable that the target would not replace, or by another value.

    Texts of our own form are written for a certain switch: their variables pass to it.
    """
    is_ours = own.NAME in (source.name, target.name)
    if source is target or (is_ours and source.has_variables and target.has_variables):
        return
    for position in variables_in(document.steps):
        detail = f"{position}: {target.name} does not know the variables of {source.name}"
        raise BadAnswer(BadAnswerReason.UNSUPPORTED, detail)


def _fitted(document: Document, source: Form, target: Form) -> Document:
    """Return the document with the ends and the beginning that the target expects."""
    if source.returns == target.returns:
        return document
    steps = document.steps
    if target.returns:
        return replace(document, steps=_ended(_answered(steps)))
    if not steps:
        detail = f"an empty array lets the flow go on, which {target.name} cannot say"
        raise BadAnswer(BadAnswerReason.UNSUPPORTED, detail)
    if is_last(steps[-1]):
        return document
    note = f"end: the flow that asked would go on; in {target.name}, the call ends"
    return replace(document, ignored=(*document.ignored, note))


def _answered(steps: tuple[Step, ...]) -> tuple[Step, ...]:
    """Return steps that answer the call before the first one that takes this for granted.

    A text answers by itself; so does a call that is answered when it is connected.
    """
    for number, step in enumerate(steps):
        match step:
            case Answer() | Say() | Redirect() | Reject() | Hangup() | Dial(answer_on_bridge=True):
                return steps
            case Gather(prompts=(Say(), *_)):
                return steps
            case Gather() | Record() | Dial() | Play():
                return (*steps[:number], Answer(), *steps[number:])
    return steps


def _ended(steps: tuple[Step, ...]) -> tuple[Step, ...]:
    """Return steps that end the call, also if a document cannot be had."""
    match steps[-1:]:
        case (Hangup() | Reject(),):
            return steps
        case (Redirect() as last,):
            return (*steps[:-1], replace(last, otherwise=_ended(last.otherwise)))
    return (*steps, Hangup())
