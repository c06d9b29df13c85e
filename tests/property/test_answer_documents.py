"""Answers of actionable webhooks: whatever they hold, in every form."""

from contextlib import suppress
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.answers import own
from service.answers.document import Document
from service.answers.errors import BadAnswer, BadAnswerReason
from service.answers.forms import FORMS, Form, translate
from service.answers.policy import AnswerPolicy
from service.answers.urls import rewritten
from service.answers.written import Written
from service.answers.xml import voxml
from tests.property.answer_strategies import (
    ACTIONS,
    COMMON_DOCUMENTS,
    DOCUMENTS,
    callflows,
    meaning,
    without_otherwise,
)

NAMES = st.sampled_from(list(FORMS))
ROOMY = AnswerPolicy(max_bytes=1_048_576, max_depth=32)

WORDS = st.sampled_from([
    "module", "data", "children", "_", "tts", "text", "pivot", "voice_url", "collect_dtmf", "steps",
    "max_digits", "timeout", "terminators", "sleep", "unit", "duration", "resources", "to_did",
    "type", "option", "talk", "play", "stream_urls", "digits_receive", "key", "length", "fetch",
    "event_url", "connect", "destinations", "tel", "target", "source", "variable_set", "value",
    "response", "code", "menu", "goto", "say", "gather", "prompts", "dial", "numbers", "number",
    "extras", "native", "branches", "form", "name", "kazoo", "voipbin", "redirect", "otherwise",
    "set_variables", "custom_application_vars", "recording_start", "recording_stop", "hangup",
    "reason", "https://a.example.com/", "http://[", "busy", "#", "5", "id", "next_id",
    "end_of_silence",
])  # fmt: skip
LEAVES = st.none() | st.booleans() | st.integers(-2, 10**18 - 1) | st.floats() | WORDS
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=5),
    max_leaves=20,
)


def _survives(name: str, content: bytes) -> None:
    """Read any content, and if it is an answer, write it in every form."""
    try:
        document = FORMS[name].parse(content)
    except BadAnswer:
        return
    for target in FORMS.values():
        written = _written(target, document)
        if written is None:
            assert target.name == "twiml" or target.name != name
        elif target.name in (name, own.NAME):
            assert written.dropped or target.parse(written.content, ROOMY) == document


def _written(form: Form, document: Document) -> Written | None:
    """Return the document in a form, or None if the form cannot say it."""
    try:
        return form.write(document)
    except BadAnswer as error:
        if error.reason is not BadAnswerReason.UNSUPPORTED:
            raise
        return None


@given(NAMES, st.binary(max_size=200))
def test_any_bytes_are_an_answer_or_a_bad_answer(name: str, content: bytes) -> None:
    _survives(name, content)


@given(NAMES, st.text(max_size=100), st.binary(max_size=100))
def test_any_content_type_is_accepted_or_refused(into: str, kind: str, content: bytes) -> None:
    with suppress(BadAnswer):
        translate(content, kind, into)


@settings(max_examples=200)
@given(st.sampled_from(["kazoo", "voipbin", "switchhook"]), VALUES, st.integers(0, 3))
def test_any_json_is_an_answer_or_a_bad_answer(name: str, value: Any, wrap: int) -> None:
    if wrap:
        value = {
            "kazoo": {"module": "tts", "data": {"text": "a"}, "children": {"_": value}},
            "voipbin": [value, {"type": "talk", "option": value}, value],
            "switchhook": {"steps": value if isinstance(value, list) else [value]},
        }[name]
    _survives(name, orjson.dumps(value))


@settings(max_examples=100)
@given(callflows())
def test_a_callflow_is_an_answer_or_a_bad_answer(flow: dict[str, Any]) -> None:
    _survives("kazoo", orjson.dumps(flow))


@settings(max_examples=100)
@given(ACTIONS)
def test_actions_are_an_answer_or_a_bad_answer(actions: list[Any]) -> None:
    _survives("voipbin", orjson.dumps(actions))


@settings(max_examples=100)
@given(st.sampled_from(["voxml", "twiml"]), DOCUMENTS, st.data())
def test_a_damaged_answer_is_an_answer_or_a_bad_answer(
    name: str, document: Document, data: st.DataObject
) -> None:
    content = voxml.write(document).content
    start = data.draw(st.integers(0, len(content)))
    end = data.draw(st.integers(start, min(len(content), start + 20)))
    _survives(name, content[:start] + data.draw(st.binary(max_size=8)) + content[end:])


@settings(max_examples=100)
@given(DOCUMENTS)
def test_our_own_form_loses_nothing(document: Document) -> None:
    written = own.write(document)
    assert written.dropped == ()
    assert own.parse(written.content, ROOMY) == document


@settings(max_examples=100)
@given(DOCUMENTS)
def test_voxml_loses_nothing_but_the_steps_for_an_unreachable_document(document: Document) -> None:
    expected = Document(without_otherwise(document.steps))
    assert voxml.parse(voxml.write(document).content, ROOMY) == expected


@settings(max_examples=200)
@given(COMMON_DOCUMENTS, NAMES, NAMES)
def test_the_common_verbs_keep_their_meaning_between_all_forms(
    document: Document, source: str, into: str
) -> None:
    origin = FORMS[source]
    if origin.returns and not document.steps:
        return
    content = origin.write(document).content
    result = translate(content, origin.content_type, into, source=source)
    assert meaning(FORMS[into].parse(result.content)) == meaning(document)


@settings(max_examples=100)
@given(DOCUMENTS)
def test_every_link_is_absolute_or_a_bad_answer(document: Document) -> None:
    for link in rewritten(document, "https://ivr.example.com/start", lambda link: link.url)[1]:
        assert link.url.startswith(("https://", "http://"))


@pytest.mark.parametrize("name", FORMS)
def test_every_form_says_an_empty_document_or_refuses_it(name: str) -> None:
    form = FORMS[name]
    written = form.write(Document(()))
    assert meaning(form.parse(written.content)) == ["end"]
