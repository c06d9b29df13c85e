from typing import Any

import pytest

from service.dialects.kazoo.call_facts import CALL_FACTS as OF_KAZOO
from service.dialects.voipbin.call_facts import CALL_FACTS as OF_VOIPBIN
from service.domain.filters.occurrence import ABSENT, CallFacts
from service.text.gregorian import GREGORIAN_OFFSET_S

CALL = {
    "direction": "incoming",
    "source": {"target": "+4930"},
    "destination": {"target": "+155"},
    "tm_create": "2026-08-22T11:00:00.5Z",
    "tm_hangup": "2026-08-22T11:01:04.123456789Z",
    "tm_update": "2026-08-22T11:01:04Z",
}


def read(facts: CallFacts, payload: dict[str, Any]) -> tuple[Any, ...]:
    return (
        facts.direction(payload),
        facts.caller(payload),
        facts.callee(payload),
        facts.internal_leg(payload),
        facts.duration_s(payload),
        facts.at(payload),
    )


@pytest.mark.parametrize("facts", [OF_KAZOO, OF_VOIPBIN])
def test_what_a_payload_lacks_is_absent(facts: CallFacts) -> None:
    assert set(read(facts, {})) == {ABSENT}
    assert set(read(facts, {"data": [], "timestamp": "1"})) == {ABSENT}


def test_kazoo_tells_of_a_call_in_the_payload_itself() -> None:
    payload = {
        "call_direction": "outbound",
        "caller_id_number": "+4930",
        "callee_id_number": "+155",
        "is_internal_leg": True,
        "duration_seconds": 7,
        "timestamp": GREGORIAN_OFFSET_S + 100,
    }
    assert read(OF_KAZOO, payload) == ("outbound", "+4930", "+155", True, 7, 100.0)
    assert OF_KAZOO.direction({"direction": "inbound"}) == "inbound"


def test_voipbin_tells_of_a_call_in_the_resource() -> None:
    found = read(OF_VOIPBIN, {"type": "call_hangup", "data": CALL})
    assert found == ("inbound", "+4930", "+155", ABSENT, 63.623, 1_787_396_464.0)
    assert OF_VOIPBIN.duration_s({"data": {**CALL, "tm_hangup": None}}) is ABSENT
    assert OF_VOIPBIN.at({"data": {"tm_create": CALL["tm_create"]}}) == 1_787_396_400.5
    assert OF_VOIPBIN.at({"data": {"tm_update": "yesterday"}}) is ABSENT
