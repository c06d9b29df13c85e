from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from service.api.resources.webhook_filters import chosen
from service.api.shapes.bodies import HOOKS
from service.api.shapes.webhook import WebhooksQuery
from service.domain.errors import Invalid

OFFERED = {HOOKS: ("sms", "mms")}
BASE = {"account_id": "a", "hook": "sms", "uri": "https://x.example/"}
AT = datetime(2024, 1, 1, tzinfo=UTC)
DOCUMENTS: list[dict[str, Any]] = [
    {**BASE, "_id": "2", "name": "two", "enabled": False, "created_at": AT, "retries": 0},
    {
        **BASE,
        "_id": "1",
        "name": "one",
        "timeout_s": 3.0,
        "fallback_uri": "https://f.example/",
        "custom_data": {},
    },
    {**BASE, "_id": "3", "name": "", "hook": "mms", "created_at": datetime(2024, 1, 2)},  # noqa: DTZ001 (a driver may give it so)
]


def found(**raw: str) -> list[str]:
    query = WebhooksQuery.model_validate(raw, context=OFFERED)
    return [str(document["_id"]) for document in chosen(DOCUMENTS, query)]


def test_webhooks_come_by_id_the_last_first_unless_told_otherwise() -> None:
    assert found() == ["3", "2", "1"]
    assert found(ascending="true") == ["1", "2", "3"]


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ({"filter_hook": "sms"}, ["2", "1"]),
        ({"filter_enabled": "false"}, ["2"]),
        ({"filter_enabled": "true"}, ["3", "1"]),
        ({"filter_retries": "0"}, ["2"]),
        ({"filter_retries": "2"}, ["3", "1"]),
        ({"filter_custom_data": "{}"}, ["3", "2", "1"]),
        ({"filter_not_hook": "sms"}, ["3"]),
        ({"filter_not_hook": "SMS", "filter_id": "3"}, ["3"]),
        ({"filter_not_enabled": "true"}, ["2"]),
        ({"filter_timeout_s": "3"}, ["1"]),
        ({"filter_hook": "sms", "filter_not_name": "two"}, ["1"]),
        ({"has_key": "fallback_uri"}, ["1"]),
        ({"key_missing": "fallback_uri"}, ["3", "2"]),
        ({"has_value": "name"}, ["2", "1"]),
        ({"value_missing": "name"}, ["3"]),
    ],
    ids=str,
)
def test_filters_compare_what_an_account_sees_as_text(
    raw: dict[str, str], expected: list[str]
) -> None:
    assert found(**raw) == expected


@pytest.mark.parametrize(
    "name",
    ["filter_unknown", "filter_not_unknown", "filter_hook[$ne]", "filter_account_id",
     "filter_secret"],
)  # fmt: skip
def test_a_filter_by_what_no_webhook_has_is_refused(name: str) -> None:
    with pytest.raises(Invalid) as error:
        found(**{name: "x"})
    assert {"filter_hook", "filter_not_hook"} < set(error.value.problems[name]["enum"]["target"])


@pytest.mark.parametrize("value", ["1", "yes", "True"])
def test_a_truth_that_no_webhook_has_is_refused(value: str) -> None:
    with pytest.raises(ValidationError):
        found(filter_enabled=value)


def test_a_webhook_without_a_time_is_in_no_span() -> None:
    assert found(created_from="2023-01-01") == ["3", "2"]
    assert found(created_from="2024-01-01", created_to="2024-01-01") == ["2"]
    assert found(modified_from="2023-01-01") == []
    with pytest.raises(Invalid):
        found(created_from="2024-01-02", created_to="2024-01-01")
