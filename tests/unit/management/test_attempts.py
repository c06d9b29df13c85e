from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from service.documents.log import attempt_document
from service.domain.delivery import Outcome, Response
from service.management.attempts import (
    attempt_in_full,
    attempt_view,
    percentiles,
    selection_of_webhook,
)
from service.management.selection import Selection
from tests.builders import NOW, make_attempt, make_delivery, make_past
from tests.dialects import DIALECTS


def row(response: Response | None = None, **changes: Any) -> dict[str, Any]:
    return attempt_document(make_attempt(response, **changes))


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([], {}),
        ([7.0], {"p50": 7, "p90": 7, "p95": 7, "p99": 7}),
        ([2.0, 1.0], {"p50": 1, "p90": 2, "p95": 2, "p99": 2}),
        (
            [float(n) for n in reversed(range(1, 101))],
            {"p50": 50, "p90": 90, "p95": 95, "p99": 99},
        ),
    ],
    ids=["none", "one", "two", "hundred"],
)
def test_percentiles_are_values_that_there_were(
    values: list[float], expected: dict[str, float]
) -> None:
    assert percentiles(values) == expected


def test_a_failure_has_kazoos_members_and_texts() -> None:
    view = attempt_view(row(Response(Outcome.BAD_STATUS, 500, body=b"boom"), retries=2), DIALECTS)
    assert view["timestamp"] == int(NOW) + 62_167_219_200
    assert (view["result"], view["reason"]) == ("failure", "bad response code")
    assert (view["resp_status_code"], view["resp_body"]) == ("500", "boom")
    assert (view["try"], view["retries_left"]) == (3, 2)
    assert view["hook_event"] == "CHANNEL_CREATE"
    assert view["uri"] == "https://hooks.example.net/kazoo"
    assert view["req_headers"]["webhook-signature"] == "(hidden)"
    assert "client_error" not in view


@pytest.mark.parametrize(
    ("attempt", "left"), [(1, 2), (2, 1), (3, "retries exceeded"), (4, "retries exceeded")]
)
def test_the_last_attempt_has_its_retries_exceeded(attempt: int, left: int | str) -> None:
    view = attempt_view(row(attempt=attempt, retries=2), DIALECTS)
    assert view["retries_left"] == left


@pytest.mark.parametrize(
    ("response", "client_error"),
    [
        (Response(Outcome.TIMED_OUT), "timed_out"),
        (Response(Outcome.REFUSED, detail="nobody listens"), "refused: nobody listens"),
    ],
    ids=str,
)
def test_a_failure_without_an_answer_is_a_client_error(
    response: Response, client_error: str
) -> None:
    view = attempt_view(row(response), DIALECTS)
    assert (view["reason"], view["client_error"]) == ("kazoo http client error", client_error)
    assert "resp_status_code" not in view
    assert "try" not in view


def test_a_success_has_no_reason_and_no_retries() -> None:
    view = attempt_view(row(Response(Outcome.SUCCEEDED, 204)), DIALECTS)
    assert (view["result"], view["resp_status_code"]) == ("success", "204")
    assert not {"reason", "client_error", "retries_left", "try", "resp_body"} & set(view)


def test_events_that_are_no_calls_are_named_in_small_letters() -> None:
    delivery = make_delivery(hook="notifications", event_name="voicemail_new")
    assert attempt_view(row(delivery=delivery), DIALECTS)["hook_event"] == "notifications"


def test_what_an_attempt_was_made_for_is_told_where_it_is_special() -> None:
    plain = attempt_view(row(), DIALECTS)
    assert not {"fallback_for", "replay_id", "test"} & set(plain)
    delivery = make_delivery(fallback_for="timed_out", replay_id="r-1", past=(make_past(),))
    special = attempt_view(row(delivery=delivery, test=True), DIALECTS)
    marks = (special["fallback_for"], special["replay_id"], special["test"])
    assert marks == ("timed_out", "r-1", True)


def test_in_full_the_payload_is_json_again() -> None:
    stored = row()
    assert attempt_in_full(stored, DIALECTS)["payload"] == orjson.loads(stored["payload"])
    del stored["payload"]
    assert "payload" not in attempt_in_full(stored, DIALECTS)


def test_narrowed_to_a_webhook_a_selection_keeps_all_else() -> None:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    whole = Selection("a", {"hook": "sms"}, since=at, until=at, waiting=False, failed=True)
    narrow = selection_of_webhook(whole, "w")
    assert narrow.equals == {"hook": "sms", "webhook_id": "w"}
    assert (narrow.account_id, narrow.since, narrow.until) == ("a", at, at)
    assert (narrow.waiting, narrow.failed) == (False, True)
