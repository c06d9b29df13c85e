"""The filter of a stream of attempts: what the list of attempts would select."""

from typing import Any

import orjson
import pytest

from service.documents.log import attempt_document
from service.domain.delivery import Outcome, Response
from service.pipeline.live.attempts import AttemptFilter
from tests.builders import make_attempt, make_delivery


def message(outcome: Outcome = Outcome.SUCCEEDED, **delivery: Any) -> dict[str, Any]:
    attempt = make_attempt(Response(outcome, 200), delivery=make_delivery(**delivery))
    row = attempt_document(attempt, keep_payload=False)
    sent: dict[str, Any] = orjson.loads(orjson.dumps({"attempt": row}))
    return sent


def test_a_row_is_as_it_is_in_the_log() -> None:
    attempt = make_attempt()
    row = attempt_document(attempt, keep_payload=False)
    sent = orjson.loads(orjson.dumps({"attempt": row}))
    assert AttemptFilter({}).row_in(sent) == row


@pytest.mark.parametrize(
    ("outcome", "failed"),
    [(Outcome.SUCCEEDED, False), (Outcome.TIMED_OUT, True), (Outcome.SHADOWED, None)],
)
def test_success_and_failure_are_told_apart_and_a_shadowed_attempt_is_neither(
    outcome: Outcome,
    failed: bool | None,
) -> None:
    selected = [
        wanted
        for wanted in (True, False)
        if AttemptFilter({}, failed=wanted).row_in(message(outcome))
    ]
    assert selected == ([] if failed is None else [failed])


def test_all_members_asked_for_must_be_equal() -> None:
    row = message(call_id="c-1", hook="sms")
    assert AttemptFilter({"call_id": "c-1", "hook": "sms"}).row_in(row)
    assert not AttemptFilter({"call_id": "c-1", "hook": "fax"}).row_in(row)


def test_events_of_accounts_below_are_left_out_where_the_token_may_not_see_them() -> None:
    below = message(event_account_id="child")
    assert AttemptFilter({}).row_in(below)
    assert not AttemptFilter({}, own_only=True).row_in(below)
