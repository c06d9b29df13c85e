from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from service.api.http.errors import BUG, failure_of, problems_of
from service.api.shapes.bodies import BulkEnable, LetterFilter, ReplayOrder
from service.api.shapes.webhook import WebhookCreate, WebhookEdit
from service.domain.errors import (
    Conflict,
    CrossbarUnavailable,
    Forbidden,
    Invalid,
    NotFound,
    RejectedMessage,
    RejectReason,
    StoreUnavailable,
    SwitchhookError,
    TooManyRequests,
    Unauthenticated,
)

GOOD: dict[str, Any] = {"name": "crm", "uri": "https://x.example/", "hook": "sms"}


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (Invalid.of("uri", "error", "bad"), 400, "validation error"),
        (RejectedMessage(RejectReason.WRONG_TYPE, "why"), 400, "validation error"),
        (Unauthenticated("hush"), 401, "invalid_credentials"),
        (Forbidden("no"), 403, "forbidden"),
        (NotFound("w-1"), 404, "bad_identifier"),
        (Conflict("no"), 409, "conflict"),
        (TooManyRequests(1.2, 100), 429, "too_many_requests"),
        (StoreUnavailable("host-1 is away"), 503, "datastore_unreachable"),
        (CrossbarUnavailable("host-1 is away"), 503, "datastore_unreachable"),
        (SwitchhookError("unheard of"), 500, "internal_error"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else str(value),
)
def test_every_error_has_its_status_and_crossbars_message(
    error: SwitchhookError, status: int, message: str
) -> None:
    failed = failure_of(error)
    assert (failed.status, failed.message) == (status, message)


def test_an_error_tells_what_helps_and_nothing_that_is_nobodys_business() -> None:
    assert failure_of(NotFound("w-1")).data == {"message": "bad identifier", "cause": "w-1"}
    assert failure_of(Unauthenticated("hush")).data == {"message": "invalid credentials"}
    assert failure_of(Invalid.of("uri", "error", "bad", value=1)).data == {
        "uri": {"error": {"message": "bad", "value": 1}}
    }
    rejected = failure_of(RejectedMessage(RejectReason.WRONG_TYPE, "why"))
    assert rejected.data == {"event": {"wrong_type": {"message": "why"}}}
    assert "host-1" not in repr(failure_of(StoreUnavailable("host-1 is away")))
    assert "unheard of" not in repr(failure_of(SwitchhookError("unheard of")))
    assert failure_of(SwitchhookError("x")) is BUG


def test_who_asks_too_often_is_told_to_wait_whole_seconds() -> None:
    headers = failure_of(TooManyRequests(1.2, 100)).headers
    assert headers == {
        "Retry-After": "2",
        "RateLimit-Limit": "100",
        "RateLimit-Remaining": "0",
        "RateLimit-Reset": "2",
    }


def problems(model: type[BaseModel], members: Any) -> dict[str, Any]:
    with pytest.raises(ValidationError) as error:
        model.model_validate(members)
    return problems_of(error.value)


@pytest.mark.parametrize(
    ("members", "field", "code", "target", "value"),
    [
        ({"name": 1}, "name", "type", "string", 1),
        ({"name": ""}, "name", "minLength", 1, ""),
        ({"http_verb": "delete"}, "http_verb", "enum", ["get", "post", "put"], "delete"),
        ({"format": "xml"}, "format", "enum", ["form-data", "json"], "xml"),
        ({"retries": 9}, "retries", "maximum", 5, 9),
        ({"retries": -1}, "retries", "minimum", 0, -1),
        ({"retries": "many"}, "retries", "type", "integer", "many"),
        ({"enabled": "maybe"}, "enabled", "type", "boolean", "maybe"),
        ({"custom_data": []}, "custom_data", "type", "object", "[]"),
        ({"custom_data": {"n": 1}}, "custom_data.n", "type", "string", 1),
        ({"timeout_s": 31}, "timeout_s", "maximum", 30.0, 31),
    ],
    ids=str,
)
def test_a_problem_has_crossbars_code_its_target_and_what_was_sent(
    members: dict[str, Any], field: str, code: str, target: Any, value: Any
) -> None:
    (found,) = problems(WebhookEdit, members).items()
    assert found[0] == field
    details = found[1][code]
    assert (details["target"], details["value"]) == (target, value)
    assert details["message"]


def test_everything_that_is_missing_is_named() -> None:
    found = problems(WebhookCreate, {})
    assert {field: list(codes) for field, codes in found.items()} == {
        field: ["required"] for field in GOOD
    }
    assert found["name"]["required"]["value"] == "name"


def test_bulk_enabling_wants_to_hear_true() -> None:
    assert "required" in problems(BulkEnable, {})["re-enable"]
    assert problems(BulkEnable, {"re-enable": False})["re-enable"]["enum"]["target"] == [True]


def test_nested_members_are_named_by_their_path() -> None:
    assert "type" in problems(ReplayOrder, {"ids": ["x", 7]})["ids.1"]
    assert "additionalProperties" in problems(ReplayOrder, {"filter": {"x": 1}})["filter.x"]
    assert "type" in problems(LetterFilter, {"reason": 7})["reason"]


@pytest.mark.parametrize(
    "members",
    [{"secret": "hush"}, {"headers": {"X-Key": ["hush"]}}, {"auth": {"token": {"hush": 1}}}],
    ids=str,
)
def test_what_is_secret_is_not_quoted(members: dict[str, Any]) -> None:
    assert "hush" not in repr(problems(WebhookEdit, members))


def test_what_is_long_is_quoted_in_part() -> None:
    found = problems(WebhookEdit, {"name": "x" * 1000, "retries": ["y" * 1000]})
    assert found["name"]["maxLength"]["value"] == "x" * 200 + "..."
    assert len(found["retries"]["type"]["value"]) == 203


def test_what_is_nested_deeply_is_quoted_all_the_same() -> None:
    deep: Any = []
    for _ in range(900):
        deep = [deep]
    assert problems(WebhookEdit, {"name": deep})["name"]["type"]["target"] == "string"
