"""The README beside the code names what the code has."""

from pathlib import Path

import service.answers
from service.answers.errors import BadAnswerReason
from service.answers.forms import FORMS
from service.answers.xml import voxml

README = Path(service.answers.__file__).with_name("README.md").read_text("utf-8")


def test_every_form_and_reason_is_listed() -> None:
    for name in (*FORMS, *BadAnswerReason):
        assert f"`{name}`" in README


def test_every_attribute_of_voxml_is_listed() -> None:
    for verb in (*voxml.VERBS.values(), *voxml.PARTS.values()):
        for name in verb.attributes:
            assert f"`{name}`" in README, name
