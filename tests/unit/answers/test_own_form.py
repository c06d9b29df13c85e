"""What both switches lack, and our own JSON."""

import orjson
import pytest

from service.answers import document as d
from service.answers import own
from service.answers.errors import BadAnswer
from service.answers.forms import FORMS
from service.answers.values import Input


@pytest.mark.parametrize("form", ["kazoo", "voipbin"])
@pytest.mark.parametrize(
    "step",
    [
        d.If("1"),
        d.Do("1"),
        d.Unset("a"),
        d.Pay(),
        d.Connect((d.Flow("a"),)),
        d.Gather(input=Input.SPEECH),
        d.Native("voxml", "Sing"),
        d.Native("kazoo", "sing"),
        d.Native("voipbin", "sing"),
    ],
)
def test_a_step_that_a_switch_lacks_is_unsupported(form: str, step: d.Step) -> None:
    with pytest.raises(BadAnswer, match=r"unsupported: \w+\[1\]"):
        FORMS[form].write(d.Document((step,)))


def test_our_own_form_takes_native_steps_and_extras() -> None:
    value = {
        "steps": [
            {"say": {"text": "a", "extras": {"kazoo": {"engine": "flite"}}}},
            {"redirect": {"url": "b", "otherwise": [{"hangup": {}}]}},
            {"native": {"form": "kazoo", "name": "menu", "data": {"id": "m"},
                        "branches": {"1": [{"hangup": {}}]}}},
        ]
    }  # fmt: skip
    document = own.parse(orjson.dumps(value))
    assert document.steps == (
        d.Say("a", extras=(d.Extra("kazoo", "engine", '"flite"'),)),
        d.Redirect("b", otherwise=(d.Hangup(),)),
        d.Native("kazoo", "menu", '{"id":"m"}', (d.Branch("1", (d.Hangup(),)),)),
    )
    assert orjson.loads(own.write(document).content) == value


@pytest.mark.parametrize("form", ["kazoo", "voipbin"])
def test_repetitions_that_make_too_much_are_refused(form: str) -> None:
    says = (d.Say("a", loop=20),) * 16
    with pytest.raises(
        BadAnswer, match=r"too_many_verbs: document: .*once repetitions are written out"
    ):
        FORMS[form].write(d.Document(says))
