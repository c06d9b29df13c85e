"""What VoIPBIN's events tell of calls."""

from typing import Any

import pytest

from service.dialects.voipbin.call_notes import STEPS, call_note
from service.domain.call import CallNote, Step
from service.domain.call_summary import BUSY, CANCELLED, FAILED, MISSED
from service.domain.event import Event
from tests import voipbin_vectors

AT = 1_790_000_000.0
CALL = "b1999116-603f-47c3-bab2-7ddb5633f336"
MASTER = "4d34da4c-7b30-4fb9-8f37-c56b72b9a6a2"
NO_ID = "00000000-0000-0000-0000-000000000000"


def event(name: str, **data: Any) -> Event:
    hook = name if name.startswith("call_") else "recordings"
    return Event("event", "voipbin", hook, name, "account", {"data": data}, call_id=CALL)


def note(name: str, **data: Any) -> CallNote:
    found = call_note(event(name, **data), AT)
    assert found is not None
    return found


@pytest.mark.parametrize("name", STEPS)
def test_an_event_of_a_call_is_a_step_of_its_leg_at_its_own_time(name: str) -> None:
    step, member = STEPS[name]
    found = note(name, master_call_id=MASTER, **{member: "2026-09-21T14:13:10Z"})
    assert (found.leg, found.conversation, found.step) == (CALL, MASTER, step)
    assert found.at == AT - 10


def test_a_leg_without_a_master_begins_a_conversation_of_its_own_id() -> None:
    assert note("call_created", master_call_id=NO_ID).conversation == CALL


@pytest.mark.parametrize(
    ("reason", "end"),
    [("busy", BUSY), ("cancel", CANCELLED), ("failed", FAILED), ("noanswer", MISSED)],
)
def test_a_reason_tells_how_an_unanswered_leg_counts(reason: str, end: str) -> None:
    found = note("call_hangup", hangup_reason=reason, hangup_by="remote")
    assert (found.facts["end"], found.facts["ended_by"]) == (end, "remote")


def test_an_end_tells_when_its_leg_had_been_answered() -> None:
    assert note("call_hangup", tm_progressing="2026-09-21T14:13:00Z").answered_at == AT - 20


def test_a_time_that_is_not_set_is_no_answer() -> None:
    never = "9999-01-01 00:00:00.000000"
    assert note("call_hangup", tm_progressing=never).answered_at is None
    finished = note("recording_finished", id=MASTER, tm_start="2026-09-21T14:13:00Z", tm_end=never)
    assert finished.recording == {"id": MASTER, "ready": True}


def test_a_number_of_the_telephone_network_is_outside() -> None:
    ends = {
        "source": {"type": "tel", "target": "+15550001111"},
        "destination": {"type": "agent", "target": "agent-1"},
    }
    incoming = note("call_created", direction="incoming", **ends).facts
    assert (incoming["outside"], incoming["number"]) == (True, "+15550001111")
    outgoing = note("call_created", direction="outgoing", **ends).facts
    assert (outgoing["outside"], outgoing["number"]) == (False, "agent-1")


def test_a_recording_belongs_to_its_leg_and_is_ready_when_finished() -> None:
    started = note("recording_started", id=MASTER)
    assert (started.step, started.recording) == (Step.TOLD, {"id": MASTER, "ready": False})
    times = {"tm_start": "2026-09-21T14:13:00Z", "tm_end": "2026-09-21T14:13:07.5Z"}
    finished = note("recording_finished", id=MASTER, **times)
    assert finished.recording == {"id": MASTER, "ready": True, "duration_s": 7.5}


def calls() -> list[Any]:
    return [one for one in voipbin_vectors.read() if one["resource"] == "call"]


@pytest.mark.parametrize("vector", calls(), ids=lambda vector: vector["id"])
def test_every_vector_of_a_call_tells_of_its_leg(vector: voipbin_vectors.Vector) -> None:
    data = vector["fanout_body"]["data"]
    given = Event(
        "event", "voipbin", vector["event_type"], vector["event_type"], "account",
        {"data": data}, call_id=data["id"],
    )  # fmt: skip
    found = call_note(given, AT)
    assert found is not None
    assert found.leg == data["id"]
    assert found.conversation in (data["master_call_id"], data["id"])
