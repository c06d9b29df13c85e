"""The published schemas of answers allow what the parsers take."""

from pathlib import Path
from typing import Any

import orjson
import pytest
from jsonschema import Draft202012Validator

from service.answers import own
from service.answers.errors import BadAnswer
from service.answers.forms import FORMS, translate
from service.answers.json_schema import answer_schema, form_schema

DOCUMENTS = sorted((Path(__file__).parent / "ivr").iterdir())
OWN = Draft202012Validator(form_schema("switchhook"))


def form_in(path: Path) -> str:
    return "voxml" if path.suffix == ".xml" else path.name.split(".")[1]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_a_document_keeps_to_the_schema_of_its_form_and_to_ours(path: Path) -> None:
    content, form = path.read_bytes(), form_in(path)
    value: Any = content.decode() if form == "voxml" else orjson.loads(content)
    Draft202012Validator(form_schema(form)).validate(value)
    made = translate(content, "", "switchhook", source=form)
    OWN.validate(orjson.loads(made.content))


@pytest.mark.parametrize(
    "steps",
    [
        [{"sing": {}}],
        [{"say": {"text": "a"}, "hangup": {}}],
        [{"say": {}}],
        [{"say": {"text": "a", "pitch": 1}}],
        [{"gather": {"timeout_ms": -1}}],
        [{"gather": {"num_digits": "4"}}],
        [{"gather": {"prompts": [{"hangup": {}}]}}],
        [{"dial": {"numbers": [{"number": "Bob"}]}}],
        [{"reject": {"reason": "tired"}}],
        "say",
    ],
    ids=str,
)
def test_what_the_parser_refuses_is_against_the_schema(steps: Any) -> None:
    value = {"steps": steps}
    with pytest.raises(BadAnswer):
        own.parse(orjson.dumps(value))
    assert not OWN.is_valid(value)


def test_every_verb_and_every_form_has_a_schema() -> None:
    assert set(own.STEPS) == set(form_schema("switchhook")["$defs"]["step"]["properties"])
    ids = [one["$id"] for one in answer_schema()["anyOf"]]
    assert ids == [f"answer/{name}" for name in FORMS]
    for name in FORMS:
        Draft202012Validator.check_schema(form_schema(name))
