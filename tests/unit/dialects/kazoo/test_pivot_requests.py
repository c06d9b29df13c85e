"""A callflow's request for a document on the bus: what is read, and how Kazoo is told."""

from typing import Any, Literal

import orjson
import pytest

from service.dialects.kazoo.pivot_requests import PivotRequests
from service.domain.errors import RejectedMessage

CALL = {
    "Account-ID": "acc", "Call-ID": "c.1", "Caller-ID-Name": "Alice",
    "Caller-ID-Number": "+15550001111", "From": "alice@example.com", "From-User": "alice",
    "From-Realm": "example.com", "To-User": "200", "To-Realm": "example.com",
    "Request-User": "200", "Request-Realm": "example.com", "Owner-ID": "",
    "Controller-Queue": "callflow-queue", "Custom-Application-Vars": {},
    "Key-Value-Store": {"call_status": "answered", "dtmf_collections": {"default": "12"}},
}  # fmt: skip
REQUEST = {
    "Call": CALL,
    "Voice-URI": "https://us.example/ask/acc/w-k",
    "Msg-ID": "m1",
    "Request-Format": "kazoo",
}


def read(by: Literal["callevt", "targeted"] = "callevt", **changes: Any) -> Any:
    return PivotRequests(by).read({**REQUEST, **changes})


def test_the_members_are_those_of_kazoos_own_app() -> None:
    assert read().members == {
        "Account-ID": "acc", "Call-ID": "c.1", "Caller-ID-Name": "Alice",
        "Caller-ID-Number": "+15550001111", "From": "alice", "From-Realm": "example.com",
        "To": "200", "To-Realm": "example.com", "Request": "200",
        "Request-Realm": "example.com", "Api-Version": "4.x", "Direction": "inbound",
        "Call-Status": "answered", "Digits": {"default": "12"},
    }  # fmt: skip


def test_without_a_format_the_members_are_those_of_twiml() -> None:
    request = {name: value for name, value in REQUEST.items() if name != "Request-Format"}
    assert PivotRequests("callevt").read(request).members == {
        "AccountSid": "acc", "CallSid": "c.1", "CallerName": "Alice",
        "CallerNumber": "+15550001111", "From": "alice", "FromRealm": "example.com",
        "To": "200", "ToRealm": "example.com", "ApiVersion": "2010-04-01",
        "Direction": "inbound", "CallStatus": "answered", "Digits": {"default": "12"},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("timeout_ms", "budget_s"), [(None, 7.0), (1500, 1.5), (60_000, 7.0), ("1500", 7.0), (0, 7.0)]
)
def test_the_answer_comes_while_the_callflow_waits(timeout_ms: object, budget_s: float) -> None:
    assert PivotRequests("callevt").read({**REQUEST, "Request-Timeout": timeout_ms}).budget_s == (
        budget_s
    )


def test_a_document_is_announced_before_it_is_sent_as_an_event_of_the_call() -> None:
    taken, sent = read().answered(b'{"module":"hangup"}')
    assert (taken.exchange, taken.routing_key) == ("targeted", "callflow-queue")
    body = orjson.loads(taken.body)
    assert (body["Event-Category"], body["Event-Name"]) == ("pivot", "processing")
    assert body["Call-ID"] == "c.1"
    assert (sent.exchange, sent.routing_key) == ("callevt", "call.CHANNEL_PIVOT.c%2E1")
    body = orjson.loads(sent.body)
    assert (body["Event-Category"], body["Event-Name"]) == ("call_event", "CHANNEL_PIVOT")
    assert body["Application-Data"] == '{"module":"hangup"}'


def test_a_document_may_go_to_the_process_of_the_call_instead() -> None:
    call = {**CALL, "Controller-Queue": "pid://<0.1.2>/callflow-queue"}
    for reply in read("targeted", Call=call).answered(b"{}"):
        assert (reply.exchange, reply.routing_key) == ("targeted", "callflow-queue")
        assert reply.headers == {"Deliver-To-PID": "<0.1.2>"}


def test_without_a_document_the_callflow_is_told_to_go_on() -> None:
    [failed] = read().declined
    body = orjson.loads(failed.body)
    assert (body["Event-Category"], body["Event-Name"]) == ("pivot", "failed")


@pytest.mark.parametrize(
    "changes",
    [
        {"Call": None},
        {"Call": {**CALL, "Call-ID": ""}},
        {"Call": {**CALL, "Controller-Queue": None}},
        {"Voice-URI": 7},
        {"Msg-ID": ""},
    ],
)
def test_a_request_that_cannot_be_answered_is_rejected(changes: dict[str, Any]) -> None:
    with pytest.raises(RejectedMessage):
        read(**changes)
