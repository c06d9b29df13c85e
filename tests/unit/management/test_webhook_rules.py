from typing import Any

import pytest

from service.management.webhook_rules import check_members, check_size, unhidden
from tests.dialects import DIALECTS, HOOKS

OFFERED = {hook.hook_id: hook for hook in HOOKS}
ASKED = DIALECTS.questions
GOOD = {"name": "crm", "uri": "https://hooks.example.net/", "hook": "channel_create"}
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def codes(given: dict[str, Any], **stored: Any) -> dict[str, list[str]]:
    problems = check_members(given, {**GOOD, **stored, **given}, OFFERED, ASKED)
    return {field: sorted(found) for field, found in problems.items()}


@pytest.mark.parametrize(
    "members",
    [
        GOOD,
        GOOD | {"hook": "all", "custom_data": {"type": "whatever"}},
        GOOD | {"hook": "notifications", "custom_data": {"type": "missed_call"}},
        GOOD | {"hook": "notifications", "custom_data": {"type": "all", "crm": "7"}},
        GOOD | {"hook": "object", "custom_data": {"type": "user", "action": "doc_edited"}},
        {"auth": {"type": "bearer", "token": "t"}, "headers": {"X-Key": "k"}, "secret": SECRET},
        {"modifiers": {"call_direction": ["inbound"]}, "fallback_uri": "http://x.example/"},
        {"fallback_uri": None, "auth": None, "headers": None, "secret": None, "custom_data": None},
        {},
    ],
    ids=str,
)
def test_good_members_are_good(members: dict[str, Any]) -> None:
    assert codes(members) == {}


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({"uri": "ftp://x.example/"}, {"uri": ["error"]}),
        ({"fallback_uri": "http://u:p@x.example/"}, {"fallback_uri": ["error"]}),
        ({"hook": "dream"}, {"hook": ["enum"]}),
        (
            {"hook": "notifications", "custom_data": {"type": "dream"}},
            {"custom_data.type": ["enum"]},
        ),
        (
            {"hook": "object", "custom_data": {"type": "dream", "action": "dream"}},
            {"custom_data.type": ["enum"], "custom_data.action": ["enum"]},
        ),
        ({"custom_data": {"$gt": "", "fine": "x"}}, {"custom_data.$gt": ["invalid"]}),
        ({"modifiers": {"a\0": 1}}, {"modifiers.a\0": ["enum", "invalid"]}),
        ({"headers": {"Host": "x"}}, {"headers.Host": ["error"], "headers": ["error"]}),
        ({"auth": {"type": "digest"}}, {"auth": ["error"]}),
        ({"secret": "short"}, {"secret": ["error"]}),
        (
            {"uri": "x", "hook": "y", "secret": "z"},
            {"uri": ["error"], "hook": ["enum"], "secret": ["error"]},
        ),
    ],
    ids=str,
)
def test_what_is_wrong_is_told_by_field_and_code(
    members: dict[str, Any], expected: dict[str, list[str]]
) -> None:
    assert codes(members) == expected


def test_a_new_hook_is_judged_with_the_filters_that_are_stored() -> None:
    stored = {"hook": "sms", "custom_data": {"type": "user"}}
    assert codes({"hook": "notifications"}, **stored) == {"custom_data.type": ["enum"]}
    assert codes({"hook": "object"}, **stored) == {}


def test_an_old_fault_elsewhere_is_no_problem_of_an_edit() -> None:
    assert codes({"enabled": False}, uri="not a uri", hook="gone", custom_data={"$x": "y"}) == {}


def test_what_is_secret_is_never_quoted() -> None:
    given = {
        "auth": {"type": "basic", "username": "a:b", "password": "hush-1"},
        "secret": "hush-2-hush-2",
        "headers": {"X-Key": "hush-3\r\n"},
    }
    assert "hush" not in repr(check_members(given, given, OFFERED, ASKED))


def test_what_was_hidden_and_comes_back_is_what_is_stored() -> None:
    stored = {
        "secret": SECRET,
        "headers": {"X-Key": "key-1", "X-Gone": "gone"},
        "auth": {"type": "basic", "username": "u", "password": "p"},
    }
    members = {
        "name": "new",
        "secret": "(hidden)",
        "headers": {"X-Key": "(hidden)", "X-New": "new"},
        "auth": {"type": "basic", "username": "v", "password": "(hidden)"},
    }
    assert unhidden(members, stored) == {
        "name": "new",
        "headers": {"X-Key": "key-1", "X-New": "new"},
        "auth": {"type": "basic", "username": "v", "password": "p"},
    }
    assert unhidden({"headers": None, "auth": None}, stored) == {"headers": None, "auth": None}


def test_a_webhook_that_would_be_too_large_is_told_by_its_largest_member() -> None:
    large = {"custom_data": {"x": "y" * 20_000}}
    assert check_size(large, GOOD | large) == {}
    more = {"name": "crm", "modifiers": {"x": "y" * 20_000}}
    (field, codes), *others = check_size(more, GOOD | large | more).items()
    assert (field, codes["maxLength"]["target"], others) == ("modifiers", 32_768, [])


@pytest.mark.parametrize(
    ("members", "found"),
    [
        ({"hook": "pivot", "static_answer": "<Response><Hangup/></Response>"}, {}),
        ({"hook": "pivot", "budget_s": 2.5, "answer_form": "twiml"}, {}),
        ({"hook": "pivot", "static_answer": "<Response>"}, {"static_answer": ["invalid"]}),
        ({"hook": "pivot", "static_answer": "[]"}, {"static_answer": ["invalid"]}),
        ({"budget_s": 2.5}, {"budget_s": ["invalid"]}),
        ({"static_answer": "<Response/>"}, {"static_answer": ["invalid"]}),
    ],
)
def test_actionable_members_are_checked_for_the_switch_that_asks(
    members: dict[str, Any], found: dict[str, list[str]]
) -> None:
    assert codes({**GOOD, **members}) == found


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({"filters": [{"caller": "+49*"}], "timezone": "Europe/Berlin"}, {}),
        ({"filters": [{"member": "call_direction", "op": "eq", "value": "inbound"}]}, {}),
        ({"filters": [{"member": "custom_channel_vars.x", "op": "eq", "value": 1}]}, {}),
        (
            {"filters": [{"not": {"member": "dream", "op": "exists", "value": True}}]},
            {"filters.0.not.member": ["enum"]},
        ),
        ({"filters": [{"caller": 1}]}, {"filters.0.caller": ["invalid"]}),
        ({"timezone": "Mars/Base"}, {"timezone": ["invalid"]}),
        ({"mask": ["to", {"member": "from", "keep": 4}], "omit": ["custom_channel_vars"]}, {}),
        ({"mask": ["dream"]}, {"mask.0": ["enum"]}),
        ({"mask": [{"member": "dream"}]}, {"mask.0.member": ["enum"]}),
        ({"omit": ["to", "dream"]}, {"omit.1": ["enum"]}),
        ({"hook": "all", "omit": ["dream"]}, {}),
        ({"mask": [{"keep": 4}]}, {"mask.0.member": ["invalid"]}),
        ({"mask": [{"member": "to", "keep": -1}]}, {"mask.0.keep": ["invalid"]}),
        ({"mask": [{"member": "to", "keep": True}]}, {"mask.0.keep": ["invalid"]}),
        ({"mask": [{"member": "to", "hash": 1}]}, {"mask.0.hash": ["type"]}),
        ({"mask": [{"member": "to", "hash": True, "keep": 4}]}, {"mask.0.keep": ["invalid"]}),
        (
            {"mask": [{"member": "to", "show": 4}]},
            {"mask.0.show": ["additionalProperties"]},
        ),
        ({"omit": ["custom_channel_vars.0"]}, {"omit.0": ["invalid"]}),
        ({"hook": "kazoo_pivot", "filters": [{"caller": "1"}]}, {"filters": ["invalid"]}),
    ],
    ids=str,
)
def test_filters_and_privacy_are_checked_with_paths(
    members: dict[str, Any], expected: dict[str, list[str]]
) -> None:
    if members.get("hook") == "kazoo_pivot":
        members = {**members, "hook": next(iter(ASKED))}
    assert codes(members) == expected


def test_an_actionable_webhook_cannot_keep_the_filters_of_an_event() -> None:
    asked = next(iter(ASKED))
    assert codes({"hook": asked}, mask=["to"]) == {"mask": ["invalid"]}
