"""What Kazoo's messages tell of calls."""

import json
from typing import Any

import pytest

from service.dialects.bus_message import BusMessage, Occasion
from service.dialects.kazoo.call_notes import VOICEMAILS, call_note
from service.dialects.kazoo.decode import KazooDecoder
from service.dialects.kazoo.policy import KazooPolicy
from service.dialects.kazoo.samples import channel, notification, parking
from service.domain.call import CallNote, Step
from service.domain.call_summary import BUSY, CANCELLED, MISSED
from service.domain.errors import RejectedMessage
from service.domain.event import Message
from tests import kazoo_vectors

AT = 1_710_278_674.0
DECODER = KazooDecoder(KazooPolicy(), 262_144)
OCCASION = Occasion("account", "leg", AT, "message")


def note(message: BusMessage, received_at: float = AT, **members: Any) -> CallNote:
    content = json.dumps({**message.body, **members}).encode()
    (event,) = DECODER.decode(Message("kazoo", message.exchange, message.routing_key, content))
    found = call_note(event, received_at)
    assert found is not None
    return found


def of_channel(name: str, variables: dict[str, Any] | None = None, **members: Any) -> CallNote:
    message = channel(name, OCCASION)
    known = {**message.body["Custom-Channel-Vars"], **(variables or {})}
    given = {key.replace("_", "-"): value for key, value in members.items()}
    return note(message, AT, **{"Custom-Channel-Vars": known}, **given)


@pytest.mark.parametrize(
    ("name", "step"),
    [
        ("CHANNEL_CREATE", Step.CREATED),
        ("CHANNEL_ANSWER", Step.ANSWERED),
        ("CHANNEL_BRIDGE", Step.BRIDGED),
        ("CHANNEL_DESTROY", Step.DESTROYED),
    ],
)
def test_a_channel_event_is_a_step_of_its_leg_and_names_the_conversation(
    name: str, step: Step
) -> None:
    found = of_channel(name)
    assert (found.leg, found.step, found.at) == ("leg", step, AT)
    assert found.conversation == "63877497874-af5b9a0e"


def test_an_end_tells_when_its_leg_had_been_answered() -> None:
    assert of_channel("CHANNEL_DESTROY").answered_at == AT - 7
    assert of_channel("CHANNEL_DESTROY", Billing_Seconds=0).answered_at is None


@pytest.mark.parametrize(
    ("cause", "end"),
    [
        ("USER_BUSY", BUSY),
        ("ORIGINATOR_CANCEL", CANCELLED),
        ("NO_ANSWER", MISSED),
        ("CALL_REJECTED", MISSED),
        ("UNALLOCATED_NUMBER", None),
    ],
)
def test_a_cause_tells_how_an_unanswered_leg_counts(cause: str, end: str | None) -> None:
    assert of_channel("CHANNEL_DESTROY", Hangup_Cause=cause).facts.get("end") == end


def test_a_callers_leg_without_a_device_of_ours_comes_from_outside() -> None:
    assert of_channel("CHANNEL_CREATE").facts["outside"] is False
    carrier = {"Authorizing-Type": "resource"}
    assert of_channel("CHANNEL_CREATE", carrier).facts["outside"] is True


def test_a_called_leg_on_a_carriers_resource_leads_outside() -> None:
    outbound: dict[str, Any] = {"Call_Direction": "outbound"}
    assert of_channel("CHANNEL_CREATE", **outbound).facts["outside"] is False
    on_carrier = of_channel("CHANNEL_CREATE", {"Resource-ID": "carrier"}, **outbound)
    assert on_carrier.facts["outside"] is True


def test_a_queue_and_its_agents_are_told_by_channel_variables() -> None:
    found = of_channel("CHANNEL_CREATE", {"Queue-ID": "q", "Agent-ID": "x"})
    assert (found.facts["queue_id"], found.facts["agent_id"]) == ("q", "x")


def test_a_synthetic_end_changes_nothing_that_is_known_of_its_leg() -> None:
    found = of_channel("CHANNEL_DESTROY", Synthetic=True)
    assert found.synthetic
    assert not found.facts


def test_a_voicemail_belongs_to_its_callers_leg() -> None:
    found = note(notification(OCCASION))
    assert (found.leg, found.step) == ("leg", Step.TOLD)
    assert found.facts["voicemail"].startswith("202403-")


def test_a_parked_call_keeps_what_is_known_of_its_leg() -> None:
    found = note(parking(OCCASION))
    assert (found.step, found.facts) == (Step.TOLD, {"parked": "701"})


def test_a_time_that_is_a_day_off_is_not_believed() -> None:
    assert note(channel("CHANNEL_CREATE", OCCASION), AT + 100_000).at == AT + 100_000


@pytest.mark.parametrize("vector", kazoo_vectors.read(), ids=lambda vector: vector["id"])
def test_every_vector_tells_of_the_leg_that_it_names_or_of_none(
    vector: kazoo_vectors.Vector,
) -> None:
    amqp = vector["amqp"]
    content = json.dumps(amqp["body"]).encode()
    message = Message("kazoo", amqp["exchange"], amqp["routing_key"], content)
    try:
        events = DECODER.decode(message, "account")
    except RejectedMessage:
        return
    for event in events:
        found = call_note(event, AT)
        is_call = event.hook.startswith("channel_") or event.hook == "parking"
        if is_call or (event.name in VOICEMAILS and event.call_id):
            assert found is not None
            assert found.leg == event.call_id
            assert json.loads(json.dumps(found.facts)) == found.facts
        else:
            assert found is None
