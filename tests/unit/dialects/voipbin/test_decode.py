"""Which messages make an event, which are left alone, and which are rejected."""

import base64
from typing import Any

import orjson
import pytest

from service.dialects.voipbin.decode import SYSTEM_CUSTOMER, VoipbinDecoder
from service.dialects.voipbin.exchanges import TOPIC
from service.dialects.voipbin.policy import VoipbinPolicy
from service.dialects.voipbin.resource import ZERO_UUID
from service.domain.errors import RejectedMessage, RejectReason
from service.domain.event import Event, Message
from tests.voipbin_vectors import on_fanout, on_topic, read

CUSTOMER = "5e4a0680-804e-11ec-8477-2fea5968d85b"
CALL = {"id": "c1a5d1de-0a31-4a43-9b0e-5a4b1c2f7a01", "customer_id": CUSTOMER, "status": "hangup"}
BOTH = next(one for one in read() if len(one["topic_routing_keys"]) == 2)


def decoder() -> VoipbinDecoder:
    return VoipbinDecoder(VoipbinPolicy(), 100_000)


def message(exchange: str = "bin-manager.call-manager.event", **changes: Any) -> Message:
    envelope = {
        "type": "call_hangup",
        "publisher": "call-manager",
        "data_type": "application/json",
        "data": CALL,
    } | changes
    body = {key: value for key, value in envelope.items() if value is not None}
    return Message("voipbin", exchange, "", orjson.dumps(body))


def decode(**changes: Any) -> tuple[Event, ...]:
    return decoder().decode(message(**changes))


def test_an_event_has_its_customer_call_and_hook() -> None:
    [event] = decode()
    assert (event.account_id, event.call_id, event.hook) == (CUSTOMER, CALL["id"], "call_hangup")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"data": None}, RejectReason.MISSING_FIELD),
        ({"data": [CALL]}, RejectReason.WRONG_TYPE),
        ({"data": 7}, RejectReason.WRONG_TYPE),
        ({"data": "no base64!"}, RejectReason.WRONG_TYPE),
        ({"data": base64.b64encode(b"[]").decode()}, RejectReason.NOT_AN_OBJECT),
        ({"data": base64.b64encode(b"{").decode()}, RejectReason.NOT_JSON),
        ({"data": {"id": CALL["id"]}}, RejectReason.MISSING_FIELD),
        ({"data": {**CALL, "customer_id": 7}}, RejectReason.WRONG_TYPE),
        ({"type": None}, RejectReason.MISSING_FIELD),
        ({"type": ["call_hangup"]}, RejectReason.WRONG_TYPE),
        ({"type": "call.hangup"}, RejectReason.UNKNOWN_EVENT),
        ({"type": "call_teleported"}, RejectReason.UNKNOWN_EVENT),
        ({"publisher": None}, RejectReason.MISSING_FIELD),
        ({"publisher": "teleport-manager"}, RejectReason.UNKNOWN_EVENT),
        ({"exchange": TOPIC, "type": "teleport_created"}, RejectReason.UNKNOWN_EVENT),
        ({"exchange": TOPIC, "type": "queue_updated"}, RejectReason.UNKNOWN_EVENT),
    ],
)
def test_what_cannot_be_understood_is_rejected(
    changes: dict[str, Any], reason: RejectReason
) -> None:
    with pytest.raises(RejectedMessage) as rejected:
        decode(**changes)
    assert rejected.value.reason is reason


@pytest.mark.parametrize(
    "changes",
    [
        {"data": {**CALL, "customer_id": ZERO_UUID}},
        {"data": {**CALL, "customer_id": SYSTEM_CUSTOMER}},
        {"type": "call.outbound_whitelist_rejected"},
        {"type": "confbridge_joined", "data": None},
        {"type": "team_created", "publisher": "ai-manager"},
        {
            "type": "transcript_created",
            "publisher": "transcribe-manager",
            "data": {**CALL, "tm_delete": "2026-08-22T10:28:15Z"},
        },
    ],
)
def test_what_concerns_no_customer_makes_no_event(changes: dict[str, Any]) -> None:
    assert decode(**changes) == ()


def test_an_encoded_resource_is_read() -> None:
    data = base64.b64encode(orjson.dumps(CALL)).decode()
    [event] = decode(type="contact_created", publisher="contact-manager", data=data)
    assert event.account_id == CUSTOMER
    assert not event.reaches_all


def test_a_redelivery_is_the_same_event() -> None:
    one = decoder()
    [first], [again] = one.decode(message()), one.decode(message())
    assert first.event_id == again.event_id


def test_an_event_has_one_id_whatever_brings_it() -> None:
    copies = [on_fanout(BOTH), on_topic(BOTH, 0), on_topic(BOTH, 1)]
    assert len({decoder().decode(copy)[0].event_id for copy in copies}) == 1


def test_only_the_first_copy_of_an_event_counts_and_its_redelivery_counts_again() -> None:
    one = decoder()
    [event] = one.decode(on_topic(BOTH, 0))
    assert one.decode(on_topic(BOTH, 1)) == ()
    assert one.decode(on_fanout(BOTH)) == ()
    assert one.decode(on_topic(BOTH, 0)) == (event,)


def test_a_trial_does_not_make_copies_of_later_messages() -> None:
    one = decoder()
    [event] = one.decode(on_topic(BOTH, 1), "account")
    assert one.decode(on_topic(BOTH, 0)) == (event,)
    assert one.decode(on_topic(BOTH, 1), "account") == (event,)


def test_two_genuine_changes_are_two_events() -> None:
    [first] = decode(data={**CALL, "tm_update": "2026-08-22T10:28:27.123456788Z"})
    [second] = decode(data={**CALL, "tm_update": "2026-08-22T10:28:27.123456789Z"})
    assert first.event_id != second.event_id


def test_equal_resources_in_events_of_two_types_are_two_events() -> None:
    [first], [second] = decode(), decode(type="call_updated")
    assert first.event_id != second.event_id


def test_every_event_of_the_vectors_is_told_from_the_others() -> None:
    one = decoder()
    told = {on_fanout(vector).body: one.decode(on_fanout(vector)) for vector in read()}
    every = [event.event_id for events in told.values() for event in events]
    # Two of the messages are equal.
    assert len(set(every)) == len(every) == 288
