from datetime import UTC, datetime

import pytest

from service.documents.log import (
    MOST_BODY_BYTES,
    attempt_document,
    dead_letter_document,
    delivery_of,
)
from service.domain.delivery import DeadLetterReason, Outcome, Response
from tests.builders import (
    ACCOUNT,
    CALL_ID,
    NOW,
    make_attempt,
    make_delivery,
    make_letter,
    make_request,
)

DATE = datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)
FAILED = Response(
    Outcome.BAD_STATUS, 500, (("Server", "nginx"), ("Via", "a")), b"oops \xff", "went wrong"
)


def test_a_failed_attempt_is_kept_with_what_was_said() -> None:
    attempt_id = "018bcfe568000123456789ab"
    row = attempt_document(
        make_attempt(FAILED, attempt=2, duration_s=0.123456, retries=2, attempt_id=attempt_id)
    )
    assert row == {
        "_id": attempt_id,
        "delivery_id": make_delivery().delivery_id,
        "event_id": "e" * 32,
        "webhook_id": "hook-1",
        "account_id": ACCOUNT,
        "source": "kazoo",
        "hook": "channel_create",
        "event_name": "CHANNEL_CREATE",
        "call_id": CALL_ID,
        "attempt": 2,
        "outcome": "bad_status",
        "status": 500,
        "detail": "went wrong",
        "duration_ms": 123.456,
        "uri": "https://hooks.example.net/kazoo",
        "retries": 2,
        "started_at": DATE,
        "response_headers": {"Server": "nginx", "Via": "a"},
        "response_body": "oops \ufffd",
        "method": "POST",
        "request_headers": {"X-Hook-ID": "hook-1", "webhook-signature": "(hidden)"},
        "request_body": '{"call_id":"1"}',
        "payload": make_delivery().payload,
        "received_at": DATE,
    }


def test_a_successful_attempt_is_kept_without_bodies() -> None:
    row = attempt_document(make_attempt(Response(Outcome.SUCCEEDED, 204, body=b"thanks")))
    assert row["outcome"] == "succeeded"
    assert not {"request_body", "request_headers", "response_body", "response_headers"} & set(row)


def test_an_attempt_without_a_request_is_kept_all_the_same() -> None:
    response = Response(Outcome.INVALID_REQUEST, detail="the URI has no host")
    row = attempt_document(make_attempt(response, request=None))
    assert (row["outcome"], row["status"]) == ("invalid_request", None)
    assert "request_body" not in row


def test_the_query_of_a_get_is_kept_as_its_body_and_long_ones_are_cut() -> None:
    request = make_request(verb="GET", query="a=" + "x" * MOST_BODY_BYTES, body=None)
    row = attempt_document(make_attempt(FAILED, request=request))
    assert row["method"] == "GET"
    assert len(row["request_body"]) == MOST_BODY_BYTES
    assert row["request_body"].startswith("a=xxx")


def test_a_dead_letter_is_kept_with_its_history() -> None:
    assert dead_letter_document(make_letter()) == {
        "_id": make_delivery().delivery_id,
        "event_id": "e" * 32,
        "webhook_id": "hook-1",
        "account_id": ACCOUNT,
        "source": "kazoo",
        "hook": "channel_create",
        "event_name": "CHANNEL_CREATE",
        "call_id": CALL_ID,
        "reason": "exhausted",
        "uri": "https://hooks.example.net/kazoo",
        "endpoint": "https://hooks.example.net:443",
        "payload": '{"call_id":"NDlkNGI3.OTZlMDgz@10.26.0.58"}',
        "webhook": None,
        "event_account_id": None,
        "schema_version": 1,
        "trace_id": None,
        "position": None,
        "attempts": [
            {
                "attempt": 1,
                "started_at": DATE,
                "duration_ms": 5000.0,
                "outcome": "timed_out",
                "status": None,
                "detail": None,
            }
        ],
        "received_at": DATE,
        "died_at": datetime.fromtimestamp(NOW + 60.5, UTC),
    }


@pytest.mark.parametrize(
    ("uri", "kept", "endpoint"),
    [(None, None, None), ("ftp://h.example/?token=hush", "ftp://h.example/", None)],
)
def test_a_dead_letter_may_point_nowhere(
    uri: str | None, kept: str | None, endpoint: str | None
) -> None:
    letter = make_letter(uri=uri, reason=DeadLetterReason.INVALID_REQUEST)
    kept_document = dead_letter_document(letter)
    assert (kept_document["uri"], kept_document["endpoint"]) == (kept, endpoint)


def test_no_row_holds_a_signature_or_the_query_of_the_uri() -> None:
    # The query of a URI often is a password.
    for row in (attempt_document(make_attempt(FAILED)), dead_letter_document(make_letter())):
        assert "hush" not in str(row)
        assert "c2lnbmF0dXJl" not in str(row)


def test_whose_event_it_was_is_kept_and_comes_back_with_a_replay() -> None:
    delivery = make_delivery(event_account_id="below")
    row = attempt_document(make_attempt(FAILED, delivery=delivery))
    letter = dead_letter_document(make_letter(delivery=delivery))
    for document in (row, letter):
        assert document["event_account_id"] == "below"
        assert delivery_of(document).event_account_id == "below"
