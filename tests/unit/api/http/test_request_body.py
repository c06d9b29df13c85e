from typing import Any

import orjson
import pytest
from pydantic import BaseModel, ValidationError

from service.api.http.errors import problems_of
from service.api.http.request_body import DEEPEST, hinted, likely, notes_on, parsed
from service.api.shapes.bodies import BulkEnable, ReplayOrder, Rotation
from service.api.shapes.webhook import WebhookCreate, WebhookEdit
from service.domain.errors import Invalid


@pytest.mark.parametrize(
    ("raw", "line", "column"),
    [
        (b"{", 1, 2),
        (b'{"data": {"name": "x",}}', 1, 22),
        ('{\n "näme": "ž",\n "x": tru}'.encode(), 3, 7),
        (b'{"name": NaN}', 1, 10),
        (b"name=crm", 1, 1),
        (b'{\n"n\xc3\xa4": "\xff"}', 2, 8),
        (b"\xff\xfe{}", 1, 1),
    ],
    ids=str,
)
def test_a_broken_body_is_told_with_line_and_column(raw: bytes, line: int, column: int) -> None:
    with pytest.raises(Invalid) as error:
        parsed(raw)
    problem = error.value.problems["json"]["invalid"]
    assert (problem["line"], problem["column"]) == (line, column)
    assert problem["message"].endswith(f"at line {line}, column {column}")


def nested(levels: int) -> Any:
    value: Any = 1
    for level in range(levels):
        value = [value] if level % 2 else {"x": value}
    return value


def test_a_body_may_be_nested_so_deep_and_no_deeper() -> None:
    assert parsed(orjson.dumps(nested(DEEPEST))) == nested(DEEPEST)
    for levels in (DEEPEST + 1, 1000):
        with pytest.raises(Invalid) as error:
            parsed(b"[" * levels + b"]" * levels)
        assert f"deeper than {DEEPEST}" in error.value.problems["json"]["invalid"]["message"]


def refused(model: type[BaseModel], members: dict[str, Any]) -> dict[str, Any]:
    with pytest.raises(ValidationError) as error:
        model.model_validate(members)
    return hinted(problems_of(error.value), model, members)


def test_a_missing_member_is_found_under_the_name_it_was_given() -> None:
    members = {"name": "crm", "url": "https://x.example/", "event": "sms"}
    problems = refused(WebhookCreate, members)
    assert problems["uri"]["required"]["message"].endswith("; did you mean uri where it says url?")
    assert problems["hook"]["required"]["message"].endswith("mean hook where it says event?")


def test_a_missing_member_that_nothing_is_like_is_just_missing() -> None:
    problems = refused(WebhookCreate, {"zzz": 1})
    assert problems["uri"]["required"]["message"] == "Field is required but missing"


def test_a_member_too_many_is_answered_with_those_there_are() -> None:
    problem = refused(ReplayOrder, {"filter": {"webhook_id": "w"}})["filter.webhook_id"]
    assert "did you mean hook_id?" in problem["additionalProperties"]["message"]
    assert "reason" in problem["additionalProperties"]["target"]


def test_what_means_nothing_is_told_in_the_metadata_with_what_may_be_meant() -> None:
    members = {"url": "x", "colour": "red", "name": "crm", "_read_only": {}}
    assert notes_on(WebhookEdit, members) == {
        "ignored": ["colour", "url"],
        "did_you_mean": {"url": "uri"},
    }
    both = {"type": "all", "hook": "sms"}
    assert notes_on(WebhookEdit, both) == {"ignored": ["type"]}, "the hook is there"
    assert notes_on(WebhookEdit, {"name": "crm"}) == {}
    assert notes_on(BulkEnable, {"re-enable": True}) == {}
    assert notes_on(Rotation, {"overlap": 1})["did_you_mean"] == {"overlap": "overlap_s"}
    assert notes_on(None, members) == {}


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("url", "uri"),
        ("URL", "uri"),
        ("HTTP-Verb", "http_verb"),
        ("method", "http_verb"),
        ("enabeld", "enabled"),
        ("custom_date", "custom_data"),
        ("timeout", "timeout_s"),
        ("nothing_like_it", None),
    ],
)
def test_other_words_and_misspellings_are_understood(written: str, meant: str | None) -> None:
    assert likely(written, list(WebhookEdit.model_fields)) == meant
