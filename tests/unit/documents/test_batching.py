"""The member `batch` of a webhook's document."""

from typing import Any

import pytest

from service.documents.batching import batching_problems
from service.documents.webhook import BadDocument, webhook_of
from service.domain.webhook import Batching
from service.management.webhook_rules import check_members
from tests.dialects import DIALECTS, HOOKS

GOOD = {"format": "json", "batch": {"max": 100, "within_ms": 5000}}
DOCUMENT = {"_id": "w", "account_id": "a", "uri": "https://x.example/", "hook": "channel_create"}
OFFERED = {hook.hook_id: hook for hook in HOOKS}


def problems(document: dict[str, Any]) -> dict[str, str]:
    return {path: details["message"] for path, _, details in batching_problems(document)}


def test_a_document_without_a_batch_has_no_problem() -> None:
    assert problems({"format": "form-data", "http_verb": "get", "ordering": "call"}) == {}
    assert webhook_of(DOCUMENT).batching is None


@pytest.mark.parametrize("number", [100, 100.0])
def test_a_good_batch_is_read(number: float) -> None:
    webhook = webhook_of(DOCUMENT | GOOD | {"batch": {"max": number, "within_ms": 5000}})
    assert webhook.batching == Batching(100, 5000)


@pytest.mark.parametrize(
    ("batch", "paths"),
    [
        ({}, {"batch.max", "batch.within_ms"}),
        ({"max": 1, "within_ms": 100}, {"batch.max"}),
        ({"max": 1001, "within_ms": 60_000}, {"batch.max"}),
        ({"max": 2, "within_ms": 99}, {"batch.within_ms"}),
        ({"max": 2, "within_ms": 60_001}, {"batch.within_ms"}),
        ({"max": 2.5, "within_ms": float("nan")}, {"batch.max", "batch.within_ms"}),
        ({"max": True, "within_ms": "100"}, {"batch.max", "batch.within_ms"}),
        ({"max": 2, "within_ms": 100, "size": 3}, {"batch.size"}),
        ([], {"batch"}),
        (7, {"batch"}),
    ],
    ids=str,
)
def test_a_bad_batch_is_refused_with_the_path(batch: Any, paths: set[str]) -> None:
    assert problems(GOOD | {"batch": batch}).keys() == paths
    with pytest.raises(BadDocument, match=r"batch"):
        webhook_of(DOCUMENT | GOOD | {"batch": batch})


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ({"format": "form-data"}, "needs format json"),
        ({"format": None}, "needs format json"),
        ({"http_verb": "get"}, "needs http_verb post or put"),
        ({"http_verb": "DELETE"}, "needs http_verb post or put"),
        ({"ordering": "call"}, "ordering"),
        ({"profile": "voxtelesys"}, "profile"),
        ({"budget_s": 2}, "actionable"),
        ({"ask_key": "k"}, "actionable"),
    ],
    ids=str,
)
def test_it_cannot_be_combined_with_what_needs_one_event_each(
    members: dict[str, Any], said: str
) -> None:
    assert said in problems(GOOD | members)["batch"]


def test_all_obstacles_are_told_at_once() -> None:
    said = problems(GOOD | {"format": "form-data", "http_verb": "get"})["batch"]
    assert "format json" in said
    assert "post or put" in said


def test_it_can_be_combined_with_the_rest() -> None:
    members = {"http_verb": "PUT", "ordering": "none", "coalesce_ms": 500, "extras": ["sequence"]}
    assert problems(GOOD | members) == {}


def checked(given: dict[str, Any], **stored: Any) -> list[str]:
    merged = DOCUMENT | {"name": "n"} | stored | given
    return list(check_members(given, merged, OFFERED, DIALECTS.questions))


def test_a_later_change_that_a_batch_does_not_allow_is_refused() -> None:
    assert checked({"ordering": "call"}, **GOOD) == ["batch"]
    assert checked({"format": "form-data"}, **GOOD) == ["batch"]
    assert checked({"batch": None, "format": "form-data"}, **GOOD) == []
    assert checked({"hook": "pivot"}, **GOOD) == ["batch"]
    assert checked({"timeout_s": 3}, **GOOD) == []
