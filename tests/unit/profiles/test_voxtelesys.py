"""Requests of the profile, written out by hand, for messages of both switches."""

from typing import Any
from urllib.parse import parse_qsl

import jsonschema
import orjson
import pytest

from service.dialects.dialect import Dialects
from service.domain.delivery import Request
from service.domain.webhook import Verb
from service.pipeline.dry_run.sample import sample_payload
from service.profiles.known import KINDS, PROFILES, origins_of, sample_in
from service.profiles.profile import RequestKind, Told
from service.profiles.voxtelesys.statuses import (
    CALL_STATUSES,
    KAZOO_CAUSES,
    RANKS,
    RECEIPT_STATUSES,
    VOIPBIN_REASONS,
    VOIPBIN_RECEIPTS,
)
from tests.dialects import KAZOO
from tests.unit.profiles.requests import VOIPBIN, of_kazoo, of_voipbin

BOTH = Dialects((KAZOO, VOIPBIN))
PROFILE = PROFILES["voxtelesys"]
FORM = "application/x-www-form-urlencoded"
JSON = "application/json"
CALL_ID = "NDlkNGI3.OTZlMDgz@10.26.0.58"
LEG = {
    "CallSid": CALL_ID,
    "AccountID": "00000000000000000000000000000c03",
    "From": "+15556783945",
    "To": "+15552345678",
    "ApiVersion": "1",
    "SwitchhookDirection": "inbound",
}
SENT = "e3e3b875-86b9-4ec3-83ce-f6f2b52a74e7"
OUTBOUND = "vb-message-manager-message-message_updated-unicode-1"
INBOUND = "vb-message-manager-message-message_created-full-1"
HANGUP = "vb-call-manager-call-call_hangup-alt-0"


def in_form(requests: list[Request]) -> dict[str, str]:
    [request] = requests
    assert request.headers["Content-Type"] == FORM
    return dict(parse_qsl((request.body or b"").decode(), strict_parsing=True))


def in_json(requests: list[Request]) -> Any:
    [request] = requests
    assert request.headers["Content-Type"] == JSON
    return orjson.loads(request.body or b"")


def target(number: str, status: str) -> dict[str, Any]:
    return {"destination": {"type": "tel", "target": number}, "status": status, "parts": 1}


@pytest.mark.parametrize(
    ("vector", "expected"),
    [
        ("ch-create-json", {"CallStatus": "ringing"}),
        ("ch-answer-json", {"CallStatus": "answered"}),
        (
            "ch-destroy-json",
            {
                "CallStatus": "completed",
                "SwitchhookDuration": "7",
                "SwitchhookCause": "NORMAL_CLEARING",
            },
        ),
    ],
)
def test_a_leg_of_kazoo_is_a_status_callback(vector: str, expected: dict[str, str]) -> None:
    requests = of_kazoo(vector)
    assert in_form(requests) == LEG | expected
    assert requests[0].headers["X-Switchhook-Schema"] == "voxtelesys-status/1"


@pytest.mark.parametrize(
    ("cause", "answered_s", "expected"),
    [
        ("USER_BUSY", 0, "busy"),
        ("NO_ANSWER", 0, "no-answer"),
        ("ORIGINATOR_CANCEL", 0, "no-answer"),
        ("NORMAL_CLEARING", 0, "completed"),
        ("UNALLOCATED_NUMBER", 0, "failed"),
        ("MEDIA_TIMEOUT", 12, "completed"),
    ],
)
def test_the_cause_of_kazoo_tells_how_a_call_ended(
    cause: str, answered_s: int, expected: str
) -> None:
    ended = {"Hangup-Cause": cause, "Billing-Seconds": answered_s}
    told = in_form(of_kazoo("ch-destroy-json", ended))
    assert (told["CallStatus"], told["SwitchhookCause"]) == (expected, cause)
    assert told.get("SwitchhookDuration") == (str(answered_s) if expected == "completed" else None)


def test_a_call_of_voipbin_is_a_status_callback() -> None:
    ended = {
        "direction": "outgoing",
        "destination": {"type": "tel", "target": "+15550002222"},
        "hangup_reason": "normal",
        "tm_progressing": "2026-08-22T10:28:09.120311Z",
        "tm_hangup": "2026-08-22T10:28:27.123456Z",
    }
    call = {
        "CallSid": "479bb2c5-c221-482c-b9a9-c7cc6cd26f28",
        "AccountID": "5e4a0680-804e-41ec-8477-2fea5968d85b",
        "From": "+15552616154",
        "To": "+15550002222",
        "ApiVersion": "1",
        "SwitchhookDirection": "outbound",
    }
    completed = {"CallStatus": "completed", "SwitchhookDuration": "18"}
    assert in_form(of_voipbin(HANGUP, ended)) == call | completed | {"SwitchhookCause": "normal"}
    busy = ended | {"tm_progressing": None, "hangup_reason": "busy"}
    expected = {"CallStatus": "busy", "SwitchhookCause": "busy"}
    assert in_form(of_voipbin(HANGUP, busy)) == call | expected


@pytest.mark.parametrize(
    ("vector", "expected"),
    [
        (
            "vb-call-manager-call-call_ringing-full-0",
            {
                "CallSid": "acaf107e-3386-46ae-aa15-acc7c9d5d840",
                "AccountID": "0f0e0d0c-0b0a-4908-8706-050403020100",
                "From": "peer@example.org",
                "To": "d0e14ccb-c196-4462-b619-c334df6a53d3",
                "CallStatus": "ringing",
                "ApiVersion": "1",
                "SwitchhookDirection": "inbound",
            },
        ),
        (
            "vb-call-manager-call-call_progressing-alt-1",
            {
                "CallSid": "02235919-56ea-4de9-8385-0db747c15707",
                "AccountID": "a1b2c3d4-0001-4a00-8000-00000000c0de",
                "To": "peer@sip.example.org;transport=tls",
                "CallStatus": "answered",
                "ApiVersion": "1",
            },
        ),
        (
            "vb-call-manager-recording-recording_started-alt-0",
            {
                "CallSid": "5898c06e-9a9d-46a6-b7fe-2ada75d28ccd",
                "AccountID": "0f0e0d0c-0b0a-4908-8706-050403020100",
                "ApiVersion": "1",
                "SwitchhookRecordingID": "11a7091c-24ed-47cb-824a-e2c8f3b40731",
                "SwitchhookRecordingStatus": "in-progress",
            },
        ),
        (
            "vb-call-manager-recording-recording_finished-html-1",
            {
                "CallSid": "18323d12-9872-4847-8bd5-fa101f56db51",
                "AccountID": "a1b2c3d4-0001-4a00-8000-00000000c0de",
                "ApiVersion": "1",
                "SwitchhookRecordingID": "fe8b8e4e-78e5-4c58-be94-232c2a25cdc9",
                "SwitchhookRecordingStatus": "completed",
                "SwitchhookRecordingFormat": "wav",
                "SwitchhookRecordingDuration": "5",
            },
        ),
    ],
)
def test_events_of_voipbin_are_callbacks(vector: str, expected: dict[str, str]) -> None:
    assert in_form(of_voipbin(vector)) == expected


RECORDED = {
    "Type": "call_recording",
    "ID": "202404-9d3c7c2b5f6e4e0b8a2f1d0c9b8a7f6e",
    "Database": "account%2F00%2F00%2F0000000000000000000000000c03-202404",
}


def test_a_recording_that_kazoo_has_stored_is_a_callback_with_its_id_alone() -> None:
    filters = {"custom_data": {"crm": "7"}, "filters": {"type": "call_recording"}}
    [request] = of_kazoo("obj-created", RECORDED, **filters)
    assert request.headers["X-Switchhook-Schema"] == "voxtelesys-recording/1"
    assert in_form([request]) == {
        "AccountID": LEG["AccountID"],
        "ApiVersion": "1",
        "SwitchhookRecordingID": RECORDED["ID"],
        "SwitchhookRecordingStatus": "completed",
        "crm": "7",
    }


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {**RECORDED, "Event-Name": "doc_edited"},
        {**RECORDED, "Event-Name": "doc_deleted"},
        {**RECORDED, "Type": "mailbox_message"},
    ],
)
def test_another_change_of_an_object_is_not_told(changes: dict[str, str]) -> None:
    assert of_kazoo("obj-created", changes) == []


@pytest.mark.parametrize(("vector", "body"), [("sms-in", "hello world"), ("mms-in", "hi")])
def test_a_message_to_kazoo_is_an_inbound_message(vector: str, body: str) -> None:
    assert in_json(of_kazoo(vector)) == {
        "type": "mo",
        "to": "+15552345678",
        "from": "+15551110000",
        "body": body,
        "received_at": "2023-11-14T22:13:20Z",
        "switchhook_message_id": "cafe.0123",
    }


def test_a_message_to_voipbin_is_an_inbound_message() -> None:
    received = {
        "source": {"type": "tel", "target": "+15550003333"},
        "targets": [target("+15550002222", "received")],
        "text": "STOP",
    }
    assert in_json(of_voipbin(INBOUND, received)) == {
        "type": "mo",
        "to": "+15550002222",
        "from": "+15550003333",
        "body": "STOP",
        "received_at": "2026-08-22T10:28:15.00000001Z",
        "switchhook_message_id": "ac49c71a-871d-43e1-8e47-b89f66e1e6d7",
    }
    assert of_voipbin(INBOUND, {"direction": "outbound"}) == []


def test_a_sent_message_has_a_receipt_for_each_recipient() -> None:
    targets = [target("+15550003333", "delivered"), target("+15550004444", "failed")]
    delivered, failed = of_voipbin(OUTBOUND, {"targets": targets})
    common = {
        "type": "per_recipient",
        "batch_id": SENT,
        "message_id": SENT,
        "tag": "",
        "time": "2026-08-22T10:28:37.00000001Z",
    }
    assert in_json([delivered]) == common | {"to": ["+15550003333"], "status": "delivered"}
    error = {"code": "failed", "description": "VoIPBIN reports failed"}
    to = {"to": ["+15550004444"], "status": "failed"}
    assert in_json([failed]) == common | to | {"error": error}
    assert delivered.headers["webhook-id"] != failed.headers["webhook-id"]
    again = of_voipbin(OUTBOUND, {"targets": targets})
    assert [one.headers["webhook-id"] for one in again] == [
        delivered.headers["webhook-id"],
        failed.headers["webhook-id"],
    ]


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        ("queued", "queued"),
        ("sent", "delivering"),
        ("delivered", "delivered"),
        ("failed", "failed"),
        ("gw_timeout", "unknown"),
        ("dlr_timeout", "unknown"),
    ],
)
def test_each_status_of_a_target_has_one_of_the_profile(own: str, expected: str) -> None:
    told = in_json(of_voipbin(OUTBOUND, {"targets": [target("+15550003333", own)]}))
    assert told["status"] == expected
    assert ("error" in told) == (expected in ("failed", "unknown"))


def test_a_target_without_a_known_status_has_no_receipt() -> None:
    targets = [target("+15550003333", ""), target("+15550004444", "received")]
    assert of_voipbin(OUTBOUND, {"targets": targets}) == []
    assert of_voipbin(OUTBOUND, {"targets": None}) == []


def test_a_fax_is_told_when_it_is_over() -> None:
    received = {
        "type": "fax",
        "id": "202403-3513f829b23ce4ec8e4bc372701a0cae",
        "direction": "inbound",
        "to": "+15565671234",
        "from": "+15554566778",
        "status": "received",
        "time": "2024-03-12T21:24:34Z",
        "pages": "2",
        "duration": "0",
    }
    assert in_json(of_kazoo("nt-inbound-fax")) == received
    assert in_json(of_kazoo("nt-outbound-fax")) == received | {
        "id": "f1", "direction": "outbound", "to": "+16282037452", "status": "sent",
    }  # fmt: skip


def test_a_fax_that_failed_says_why() -> None:
    place = PROFILE.by_hook["kazoo", "fax"]
    payload = {
        "event_name": "outbound_fax_error", "fax_id": "f1", "fax_error": "NO_ANSWER",
        "caller_id_number": "+15554566778", "callee_id_number": "+16282037452",
    }  # fmt: skip
    assert place.members(Told(payload, "a", 0.5)) == {
        "type": "fax", "id": "f1", "direction": "outbound", "to": "+16282037452",
        "from": "+15554566778", "status": "failed", "time": "1970-01-01T00:00:00.500Z",
        "pages": "0", "duration": "0", "error": {"code": "5100", "description": "NO_ANSWER"},
    }  # fmt: skip
    assert place.members(Told({"event_name": "status", "page": 1}, "a", 0.0)) is None


KAZOO_QUESTION = {
    "Account-ID": "a", "Call-ID": "c1", "Call-Status": "answered", "Caller-ID-Number": "+15550001",
    "From": "1001", "To": "+15550002", "Digits": "42",
    "Custom-Application-Vars[crm_case]": "42",
}  # fmt: skip
TWIML_QUESTION = {
    "AccountSid": "a", "CallSid": "c1", "CallStatus": "ringing", "CallerNumber": "+15550001",
    "From": "1001", "To": "+15550002",
}  # fmt: skip


@pytest.mark.parametrize(
    ("key", "question", "expected"),
    [
        (
            ("kazoo", "pivot"),
            KAZOO_QUESTION,
            {
                "From": "+15550001", "To": "+15550002", "CallStatus": "answered",
                "Vars": '{"crm_case":"42"}', "SwitchhookDigits": "42",
            },
        ),
        (
            ("kazoo", "pivot"),
            TWIML_QUESTION,
            {"From": "+15550001", "To": "+15550002", "CallStatus": "ringing", "Vars": "{}"},
        ),
        (
            ("kazoo", "pivot"),
            {"Call-ID": "c1", "Account-ID": "a", "Digits": {"_menu": "1", "pin": "42"}},
            {
                "CallStatus": "ringing",
                "Vars": '{"_menu":{"digits":"1"},"pin":{"digits":"42"}}',
            },
        ),
        (
            ("kazoo", "pivot"),
            {"Call-ID": "c1", "Account-ID": "a", "Digits[_menu]": "1"},
            {
                "CallStatus": "ringing",
                "Vars": '{"_menu":{"digits":"1"}}',
                "SwitchhookDigits": "1",
            },
        ),
        (
            ("voipbin", "fetch"),
            {"activeflow_id": "f1", "reference_id": "c1", "Digits": "7"},
            {"CallStatus": "ringing", "Vars": "{}", "SwitchhookDigits": "7"},
        ),
    ],
)  # fmt: skip
def test_a_question_is_an_incoming_call(
    key: tuple[str, str], question: dict[str, str], expected: dict[str, str]
) -> None:
    members = PROFILE.by_hook[key].members(Told(question, "a", 0.0))
    assert members == {"CallSid": "c1", "AccountID": "a", "ApiVersion": "1", **expected}


def test_a_get_has_everything_in_its_query() -> None:
    [request] = of_voipbin(OUTBOUND, {"targets": [target("+15550003333", "failed")]}, verb=Verb.GET)
    assert request.body is None
    query = dict(parse_qsl(request.query, keep_blank_values=True, strict_parsing=True))
    assert (query["status"], query["tag"], query["to"]) == ("failed", "", '["+15550003333"]')
    assert orjson.loads(query["error"])["code"] == "failed"


def test_custom_data_is_added_and_the_request_is_signed() -> None:
    [request] = of_kazoo("sms-in", custom_data={"crm": "7", "body": None}, secret=b"s" * 32)
    told = in_json([request])
    assert told["crm"] == "7"
    assert "body" not in told
    assert request.headers["webhook-signature"].startswith("v1,")


@pytest.mark.parametrize("key", sorted(PROFILE.by_hook), ids=str)
def test_the_sample_of_every_place_fits_the_schema(key: tuple[str, str]) -> None:
    source, hook_id = key
    place = PROFILE.by_hook[key]
    question = BOTH.questions.get(hook_id)
    if question is not None:
        payload = question.sample("account", "call")
    else:
        dialect = BOTH.of(source)
        payload = sample_payload(dialect, dialect.by_id[hook_id])
    told = sample_in("voxtelesys", source, hook_id, payload)
    assert told is not None
    members = place.members(Told(told, "account", 0.0))
    jsonschema.validate(members, place.kind.schema)


@pytest.mark.parametrize("kind_id", sorted(KINDS))
def test_the_example_of_every_kind_fits_its_schema(kind_id: str) -> None:
    _, kind = KINDS[kind_id]
    jsonschema.validate(kind.example, kind.schema)
    assert set(kind.example) <= set(kind.members)


def test_the_tables_know_only_statuses_of_the_profile() -> None:
    assert {*KAZOO_CAUSES.values(), *VOIPBIN_REASONS.values()} <= set(CALL_STATUSES)
    assert set(VOIPBIN_RECEIPTS.values()) <= set(RECEIPT_STATUSES)
    final = {status for status, rank in RANKS.items() if rank == 2}
    assert final == {"delivered", "failed", "unknown", "expired"}


@pytest.mark.parametrize("source", ["kazoo", "voipbin"])
@pytest.mark.parametrize(("profile", "kind"), KINDS.values())
def test_a_request_is_made_of_hooks_or_the_catalogue_says_why_it_never_comes(
    source: str, profile: str, kind: RequestKind
) -> None:
    origin = origins_of(profile, kind, [source])[source]
    assert bool(origin.hooks) is not bool(origin.never)
    assert all(PROFILE.by_hook[source, hook].kind is kind for hook in origin.hooks)


def test_a_switch_that_a_profile_does_not_know_makes_none_of_its_requests() -> None:
    assert origins_of("voxtelesys", KINDS["voxtelesys-mo"][1], ["switchhook", "toy"]) == {}
