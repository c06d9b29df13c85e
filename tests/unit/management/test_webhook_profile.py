from typing import Any

import pytest

from service.dialects.dialect import Dialects
from service.dialects.voipbin.dialect import voipbin
from service.dialects.voipbin.policy import VoipbinPolicy
from service.management.webhook_rules import check_members
from tests.dialects import DIALECTS, KAZOO, MOST_BYTES

BOTH = Dialects((KAZOO, voipbin(VoipbinPolicy(), MOST_BYTES)))
OF_KAZOO = [
    "channel_create", "channel_answer", "channel_destroy", "sms", "mms", "object", "fax", "pivot",
]  # fmt: skip
VOXTELESYS = {"profile": "voxtelesys"}


def problems(
    given: dict[str, Any], dialects: Dialects = DIALECTS, **stored: Any
) -> dict[str, dict[str, dict[str, Any]]]:
    return check_members(given, {**stored, **given}, dialects.hooks, dialects.questions)


@pytest.mark.parametrize("hook", OF_KAZOO)
def test_a_hook_with_a_place_may_have_the_profile(hook: str) -> None:
    assert problems({"hook": hook, **VOXTELESYS}) == {}


@pytest.mark.parametrize("hook", ["channel_bridge", "notifications", "parking", "all"])
def test_a_hook_without_a_place_is_refused_with_those_that_have_one(hook: str) -> None:
    [(field, found)] = problems({"hook": hook, **VOXTELESYS}).items()
    assert field == "profile"
    assert found["invalid"]["target"] == OF_KAZOO
    allowed = ", ".join(OF_KAZOO)
    said = f"profile voxtelesys has no request for hook {hook}; it has for {allowed}"
    assert found["invalid"]["message"] == said


def test_hooks_of_switches_that_are_enabled_are_allowed() -> None:
    assert problems({"hook": "message_updated", **VOXTELESYS}, BOTH) == {}
    assert problems({"hook": "fetch", **VOXTELESYS}, BOTH) == {}
    assert "profile" in problems({"hook": "message_updated", **VOXTELESYS})


def test_a_stored_profile_is_checked_when_the_hook_changes_and_the_other_way_round() -> None:
    assert "profile" in problems({"hook": "parking"}, profile="voxtelesys")
    assert "profile" in problems(VOXTELESYS, hook="parking")
    assert "profile" in problems(VOXTELESYS, BOTH, event_types=["call_hangup", "agent_created"])
    assert problems({"name": "x"}, hook="parking", profile="voxtelesys") == {}
    assert problems({"profile": None}, hook="parking") == {}


def test_a_profile_cannot_be_pinned_to_a_version_of_the_hook() -> None:
    found = problems({"hook": "sms", "schema_version": 1, **VOXTELESYS})
    assert found["schema_version"]["invalid"]["message"] == (
        "profile voxtelesys has schemas of its own"
    )
