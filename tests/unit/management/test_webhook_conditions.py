from typing import Any

import orjson
import pytest

from service.dialects.bus_message import Occasion
from service.management.webhook_conditions import doubts, impossible
from service.pipeline.dry_run.matching import as_message, dry_runs
from tests.builders import ACCOUNT, CALL_ID, make_account
from tests.dialects import HOOKS, KAZOO

OFFERED = {hook.hook_id: hook for hook in HOOKS}


def refused(hook: str, **members: Any) -> dict[str, str]:
    return {field: code for field, code, _ in impossible({"hook": hook, **members}, OFFERED)}


@pytest.mark.parametrize("hook", [*OFFERED, "all"])
def test_filters_by_what_a_sample_has_are_never_refused_or_doubted(hook: str) -> None:
    # The sample of all is that of a call.
    made = OFFERED.get(hook, OFFERED["channel_create"])
    message = made.sample(Occasion.now(ACCOUNT, CALL_ID))
    sample = as_message(made.source, message.exchange, message.routing_key, message.body)
    found = dry_runs(KAZOO, sample, make_account())
    dry_run = next(dry_run for dry_run in found if dry_run.event.hook == made.hook_id)
    simple = {
        key: value
        for key, value in orjson.loads(orjson.dumps(dry_run.payload)).items()
        if not isinstance(value, dict | list)
    }
    assert simple
    texts = dict(dry_run.event.facts)
    assert refused(hook, modifiers=simple, custom_data=texts) == {}
    assert refused(hook, modifiers={key: [value, None] for key, value in simple.items()}) == {}
    assert doubts({"hook": hook, "modifiers": simple, "custom_data": texts}, OFFERED) == []


@pytest.mark.parametrize(
    ("hook", "modifiers", "expected"),
    [
        ("channel_create", {"dream": "x"}, {"modifiers.dream": "enum"}),
        (
            "channel_create",
            {"Call-Direction": "inbound"},
            {"modifiers.Call-Direction": "enum"},
        ),
        ("channel_create", {"is_internal_leg": "true"}, {"modifiers.is_internal_leg": "type"}),
        ("channel_create", {"is_internal_leg": [True, "true"]}, {}),
        ("channel_create", {"call_direction": 1}, {"modifiers.call_direction": "type"}),
        ("channel_create", {"call_direction": None}, {"modifiers.call_direction": "type"}),
        ("channel_create", {"call_direction": []}, {}),
        ("channel_create", {"hangup_cause": "BUSY"}, {"modifiers.hangup_cause": "enum"}),
        ("channel_destroy", {"hangup_cause": "BUSY"}, {}),
        ("channel_destroy", {"hook_event": "channel_create"}, {"modifiers.hook_event": "enum"}),
        ("channel_destroy", {"hook_event": ["channel_create", "channel_destroy"]}, {}),
        ("channel_create", {"custom_channel_vars": "x"}, {"modifiers.custom_channel_vars": "type"}),
        ("notifications", {"dream": "x"}, {}),
        ("all", {"dream": "x"}, {}),
    ],
)
def test_a_modifier_that_can_never_match_is_refused(
    hook: str, modifiers: dict[str, Any], expected: dict[str, str]
) -> None:
    assert refused(hook, modifiers=modifiers) == expected


@pytest.mark.parametrize(
    ("hook", "custom_data", "expected"),
    [
        ("notifications", {"type": "dream"}, {"custom_data.type": "enum"}),
        ("object", {"action": "dream"}, {"custom_data.action": "enum"}),
        ("fax", {"type": "dream"}, {"custom_data.type": "enum"}),
        ("fax", {"type": "missed_call"}, {"custom_data.type": "enum"}),
        ("fax", {"type": "inbound_fax"}, {}),
        ("fax", {"type": "all", "action": "doc_created"}, {}),
        ("fax", {"action": "dream"}, {"custom_data.action": "enum"}),
        ("channel_create", {"type": "dream"}, {}),
    ],
)
def test_a_type_that_no_event_has_is_refused(
    hook: str, custom_data: dict[str, str], expected: dict[str, str]
) -> None:
    assert refused(hook, custom_data=custom_data) == expected


@pytest.mark.parametrize("hook", ["notifications", "fax", "all"])
def test_a_modifier_that_may_come_to_exist_is_doubted(hook: str) -> None:
    found = doubts({"hook": hook, "modifiers": {"dream": "x", "account_id": 7}}, OFFERED)
    assert len(found) == 2
    assert found[0].startswith("modifiers.dream: no payload of hook")
    assert "its type is string" in found[1]


@pytest.mark.parametrize(
    ("hook", "custom_data", "expected"),
    [
        ("channel_create", {"type": "x", "crm": "7"}, ["custom_data.type: it filters nothing"]),
        ("all", {"action": "x"}, ["custom_data.action: it filters nothing"]),
        ("notifications", {"action": "x"}, ["custom_data.action: it filters nothing"]),
        (
            "notifications",
            {"type": "webhook"},
            ["custom_data.type: a notification"],
        ),
        ("notifications", {"type": "missed_call"}, []),
        ("gone", {}, []),
    ],
)
def test_a_text_that_filters_nothing_is_told(
    hook: str, custom_data: dict[str, str], expected: list[str]
) -> None:
    found = doubts({"hook": hook, "custom_data": custom_data}, OFFERED)
    assert len(found) == len(expected)
    assert all(text.startswith(start) for text, start in zip(found, expected, strict=True))
