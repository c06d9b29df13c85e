from typing import Any

import pytest

from service.dialects.voipbin.freshness import BY_TYPE, freshness_of, occurred_at
from service.dialects.voipbin.kinds import KINDS
from service.domain.freshness import Freshness

BY_ID = {kind.hook_id: kind for kind in KINDS}


def test_every_type_with_a_class_exists() -> None:
    assert BY_TYPE.keys() <= {kind.type for kind in KINDS}


@pytest.mark.parametrize(
    ("hook_id", "expected"),
    [
        ("call_ringing", Freshness.LIVE),
        ("transcribe_speech_interim", Freshness.LIVE),
        ("queuecall_waiting", Freshness.STATE),
        ("agent_status_updated", Freshness.STATE),
        ("call_hangup", Freshness.RECORD),
        ("transcribe_speech_ended", Freshness.RECORD),
        ("recording_finished", Freshness.RECORD),
        ("message_updated", Freshness.RECORD),
    ],
)
def test_an_event_is_of_use_for_as_long_as_its_class_says(
    hook_id: str, expected: Freshness
) -> None:
    assert freshness_of(BY_ID[hook_id]) is expected


@pytest.mark.parametrize(
    ("hook_id", "data", "at"),
    [
        ("call_created", {"tm_create": "2026-01-01T00:00:01Z", "tm_update": None}, 1.0),
        (
            "call_hangup",
            {"tm_create": "2026-01-01T00:00:01Z", "tm_update": "2026-01-01T00:00:02.5Z"},
            2.5,
        ),
        ("call_hangup", {"tm_update": "2026-01-01T00:00:02.123456789Z"}, 2.123456),
        ("call_hangup", {"tm_update": "2026-01-01 00:00:02.500000"}, 2.5),
        (
            "call_deleted",
            {"tm_update": "2026-01-01T00:00:02Z", "tm_delete": "2026-01-01T00:00:03Z"},
            3.0,
        ),
        (
            "transcribe_speech_interim",
            {"tm_event": "2026-01-01T00:00:04Z", "tm_create": "2026-01-01T00:00:05Z"},
            4.0,
        ),
    ],
)
def test_the_time_of_an_event_is_that_of_the_change(
    hook_id: str, data: dict[str, Any], at: float
) -> None:
    new_year = 1_767_225_600.0
    assert occurred_at(BY_ID[hook_id], data) == pytest.approx(new_year + at)


@pytest.mark.parametrize(
    "told", [None, "", 7, [], "9999-01-01 00:00:00.000000x", "soon", "0001-01-01T00:00:00Z"]
)
def test_a_resource_without_a_time_gives_none(told: object) -> None:
    assert occurred_at(BY_ID["call_hangup"], {"tm_update": told}) is None
