from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from service.api.http.errors import problems_of
from service.api.shapes.bodies import HOOKS, LetterFilter
from service.api.shapes.queries import (
    ATTEMPT_MEMBERS,
    LETTER_MEMBERS,
    AttemptsQuery,
    LettersQuery,
    selection_of,
    span,
    time_of,
)
from service.api.shapes.webhook import WebhooksQuery
from service.domain.errors import Invalid
from service.management.selection import Selection

OFFERED = {HOOKS: ("channel_create", "channel_destroy")}
GREGORIAN_OF_1970 = 62_167_219_200


def attempts(**raw: str) -> Selection:
    return selection_of("a", AttemptsQuery.model_validate(raw, context=OFFERED), ATTEMPT_MEMBERS)


def letters(**raw: str) -> Selection:
    return selection_of("a", LettersQuery.model_validate(raw, context=OFFERED), LETTER_MEMBERS)


def test_filters_are_translated_to_what_the_log_calls_them() -> None:
    selection = attempts(
        filter_hook_id="w", filter_resp_status_code="404", filter_outcome="gone", call_id="c"
    )
    assert selection.equals == {
        "webhook_id": "w",
        "status": 404,
        "outcome": "gone",
        "call_id": "c",
    }
    assert selection.account_id == "a"


@pytest.mark.parametrize(("result", "failed"), [("success", False), ("failure", True)])
def test_a_result_selects_by_success(result: str, failed: bool) -> None:
    assert attempts(filter_result=result).failed is failed
    assert attempts().failed is None


def test_letters_that_were_replayed_are_left_out_unless_asked_for() -> None:
    assert letters().waiting
    assert not letters(replayed="true").waiting


@pytest.mark.parametrize(
    "name", ["filter_", "filter_x", "filter_hook[$ne]", "filter_not_hook", "filter_account_id"]
)
def test_a_filter_that_does_not_exist_is_refused(name: str) -> None:
    with pytest.raises(Invalid, match="filter") as error:
        attempts(**{name: "x"})
    assert list(error.value.problems) == [name]
    assert "filter_hook" in error.value.problems[name]["enum"]["target"]


def test_all_filters_that_do_not_exist_are_named_at_once_with_what_may_be_meant() -> None:
    with pytest.raises(Invalid) as error:
        attempts(filter_webhook_id="w", filter_zzz="x", anything="y")
    problems = error.value.problems
    assert list(problems) == ["filter_webhook_id", "filter_zzz"]
    assert problems["filter_webhook_id"]["enum"]["message"].endswith("mean filter_hook_id?")
    assert problems["filter_zzz"]["enum"]["message"] == "there is no such filter"


def test_other_parameters_are_no_filters() -> None:
    assert attempts(anything="x", filter_hook="CHANNEL_DESTROY").equals == {
        "hook": "channel_destroy"
    }


@pytest.mark.parametrize(
    ("query", "name", "allowed"),
    [
        (AttemptsQuery, "filter_hook", "channel_create"),
        (AttemptsQuery, "filter_outcome", "bad_status"),
        (AttemptsQuery, "filter_result", "failure"),
        (LettersQuery, "filter_hook", "channel_create"),
        (LettersQuery, "filter_reason", "exhausted"),
        (WebhooksQuery, "filter_hook", "all"),
        (WebhooksQuery, "filter_not_hook", "all"),
        (WebhooksQuery, "filter_http_verb", "post"),
        (WebhooksQuery, "filter_format", "form-data"),
        (WebhooksQuery, "has_key", "fallback_uri"),
        (WebhooksQuery, "value_missing", "disable_reason"),
        (LetterFilter, "hook", "channel_create"),
        (LetterFilter, "reason", "exhausted"),
    ],
)
def test_a_value_that_no_filter_has_is_refused_with_those_it_may_have(
    query: type[BaseModel], name: str, allowed: str
) -> None:
    query.model_validate({name: allowed}, context=OFFERED)
    with pytest.raises(ValidationError) as error:
        query.model_validate({name: "dream"}, context=OFFERED)
    enum = problems_of(error.value)[name]["enum"]
    assert allowed in enum["target"]
    assert enum["value"] == "dream"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (str(GREGORIAN_OF_1970), datetime(1970, 1, 1, tzinfo=UTC)),
        (GREGORIAN_OF_1970 + 60, datetime(1970, 1, 1, 0, 1, tzinfo=UTC)),
        ("63871286400", datetime(2024, 1, 1, tzinfo=UTC)),
        ("2024-01-02T03:04:05Z", datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("2024-01-02T03:04:05.5+02:00", datetime(2024, 1, 2, 1, 4, 5, 500_000, tzinfo=UTC)),
        ("2024-01-02", datetime(2024, 1, 2, tzinfo=UTC)),
        (None, None),
    ],
)
def test_times_are_gregorian_seconds_or_iso_8601(value: Any, expected: datetime | None) -> None:
    assert time_of(value, "created_from") == expected


@pytest.mark.parametrize(
    "value",
    [
        "", "x", "-1", "0", "1", "1.5", str(GREGORIAN_OF_1970 - 1), "9" * 18, "9" * 39,
        "1969-12-31", "9999-12-31T23:59:59", "0001-01-01T00:00:00+14:00", '{"$gt":""}', True,
    ],
)  # fmt: skip
def test_what_is_no_time_is_refused_by_its_name(value: Any) -> None:
    with pytest.raises(Invalid) as error:
        time_of(value, "created_to")
    assert list(error.value.problems) == ["created_to"]


def test_a_span_must_not_end_before_it_begins() -> None:
    since, until = span("2024-01-01", "2024-01-02", "created")
    assert since is not None
    assert until is not None
    assert until - since == timedelta(days=1)
    assert span("2024-01-01", "2024-01-01", "created")[0]
    assert span(None, None, "created") == (None, None)
    with pytest.raises(Invalid) as error:
        span("2024-01-02", "2024-01-01", "created")
    assert "date_range" in error.value.problems["created_from"]
