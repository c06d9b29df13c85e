import pytest
from multidict import MultiDict

from service.console import forms
from service.documents.members import EDITABLE

SHOWN = {
    "name": "crm", "uri": "https://a.example/", "hook": "all", "http_verb": "post",
    "format": "json", "retries": 2, "enabled": True, "include_subaccounts": False,
    "include_internal_legs": True, "custom_data": {"crm": "7"},
    "modifiers": {"call_direction": ["inbound", "outbound"]}, "headers": {"X-Key": "(hidden)"},
    "timeout_s": 4.0,
}  # fmt: skip


def submitted(**changes: str) -> MultiDict[str]:
    """Return what a browser sends for the form of the webhook above."""
    fields = {key: value for key, value in forms.fields_of(SHOWN).items() if value}
    return MultiDict({key: str(value) for key, value in {**fields, **changes}.items()})


def test_a_form_sent_as_it_was_shown_changes_nothing() -> None:
    assert forms.changed(forms.members_of(submitted()), SHOWN) == {}


@pytest.mark.parametrize(
    ("field", "text", "value"),
    [
        ("name", "billing", "billing"),
        ("retries", "3", "3"),
        ("timeout_s", "", None),
        ("custom_data", "", None),
        ("custom_data", "crm: 8\nurl: http://b:1/", {"crm": "8", "url": "http://b:1/"}),
        ("modifiers", 'a: ["x", 1]\nb: [broken', {"a": ["x", 1], "b": "[broken"}),
        ("headers", "X-Key: (hidden)\nX-More: 1", {"X-Key": "(hidden)", "X-More": "1"}),
        ("public_key_signature", "true", True),
    ],
)
def test_only_the_field_that_was_changed_is_sent(field: str, text: str, value: object) -> None:
    members = forms.members_of(submitted(**{field: text}))
    assert forms.changed(members, SHOWN) == {field: value}


def test_every_member_that_can_be_set_is_a_field_but_the_secret() -> None:
    assert {*forms.FIELDS} == {*EDITABLE} - {"secret"}


def test_a_box_that_is_not_ticked_is_false() -> None:
    form = submitted()
    del form["enabled"]
    assert forms.changed(forms.members_of(form), SHOWN) == {"enabled": False}


def test_problems_inside_of_a_member_stand_beside_its_field() -> None:
    problems = {
        "custom_data.a": {"type": {"message": "must be text"}},
        "custom_data.b": {"type": {"message": "is too long"}, "enum": {}},
    }
    assert forms.in_words(problems) == {"custom_data": "must be text; is too long; enum"}


def test_no_limit_and_the_limit_of_the_platform_are_different_values() -> None:
    assert forms.changed({"max_age_s": "0"}, {}) == {"max_age_s": "0"}
    assert forms.changed({"max_age_s": None}, {"max_age_s": 0.0}) == {"max_age_s": None}
    assert forms.changed({"max_age_s": "0"}, {"max_age_s": 0.0}) == {}


LISTED = SHOWN | {
    "filters": [{"caller": "+49*"}, {"not": {"direction": "inbound"}}],
    "mask": ["to", {"member": "from", "keep": 4}],
    "omit": ["owner_id"],
}


def test_lists_are_json_that_comes_back_as_it_was() -> None:
    fields = {key: str(value) for key, value in forms.fields_of(LISTED).items() if value}
    assert forms.changed(forms.members_of(MultiDict(fields)), LISTED) == {}
    emptied = forms.members_of(MultiDict(fields | {"mask": "", "omit": "["}))
    assert forms.changed(emptied, LISTED) == {"mask": None, "omit": "["}


def test_a_problem_inside_of_a_list_is_told_with_its_path() -> None:
    problems = {"filters.1.op": {"enum": {"message": "must be one of eq"}}}
    assert forms.in_words(problems) == {"filters": "filters.1.op: must be one of eq"}
