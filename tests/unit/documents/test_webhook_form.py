from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from service.documents.members import MEMBERS
from service.documents.webhook import BadDocument
from service.documents.webhook_form import completed, public_view, summary
from tests.builders import ACCOUNT, WEBHOOK_DEFAULTS

AT = datetime(2026, 1, 2, 3, 4, 5, 678_000, tzinfo=UTC)


def document(**members: Any) -> dict[str, Any]:
    base = {"_id": "w", "account_id": ACCOUNT, "hook": "SMS", "uri": "https://x.example/"}
    return {**base, "name": "crm", **members}


def test_a_document_is_completed_with_every_default() -> None:
    assert completed(document()) == {
        "_id": "w",
        "account_id": ACCOUNT,
        "name": "crm",
        "uri": "https://x.example/",
        "hook": "sms",
        "disable_reason": None,
        **WEBHOOK_DEFAULTS,
    }


@pytest.mark.parametrize("bad", [{"uri": "ftp://x/"}, {"uri": ""}, {"hook": None}], ids=str)
def test_what_could_never_be_requested_is_no_webhook(bad: dict[str, Any]) -> None:
    with pytest.raises(BadDocument):
        completed(document(**bad))


def test_a_reason_counts_only_while_the_webhook_is_off() -> None:
    assert completed(document(pvt_disabled_message="x", enabled=False))["disable_reason"] == "x"
    assert completed(document(disable_reason="x"))["disable_reason"] is None
    assert "disable_reason" not in public_view(document(disable_reason="x"))
    assert summary(document(disable_reason="x", enabled=False))["disable_reason"] == "x"


def test_the_view_hides_every_secret_and_shows_what_is_none() -> None:
    view = public_view(
        document(
            secret="whsec_hush",
            previous_secret="whsec_hush",
            headers={"X-Key": "hush"},
            auth={"type": "basic", "username": "u", "password": "hush"},
            timeout_s=3.0,
            fallback_uri="https://f.example/",
        )
    )
    assert "hush" not in repr(view)
    assert view["secret"] == "(hidden)"
    assert view["headers"] == {"X-Key": "(hidden)"}
    assert view["auth"] == {"type": "basic", "username": "u", "password": "(hidden)"}
    assert (view["timeout_s"], view["fallback_uri"]) == (3.0, "https://f.example/")


def test_options_that_a_webhook_does_not_have_are_not_told() -> None:
    options = {"timeout_s", "headers", "auth", "fallback_uri", "secret", "disable_reason"}
    assert not options & set(public_view(document()))


def test_what_nobody_can_write_stands_apart() -> None:
    entry = {"at": AT, "by": "token:1", "action": "created", "members": []}
    health = {"recent_failures": 2}
    view = public_view(document(created_at=AT, created_by="token:1", history=[entry]), health)
    trail = view["_read_only"]
    assert trail["created_at"] == "2026-01-02T03:04:05.678+00:00"
    assert trail["created_by"] == "token:1"
    assert trail["history"] == [{**entry, "at": "2026-01-02T03:04:05.678+00:00"}]
    assert trail["health"] == health
    assert "problem" not in trail


@pytest.mark.parametrize(
    "bad", [{"custom_data": "text"}, {"http_verb": "delete"}, {"uri": 7}, {"retries": "x"}], ids=str
)
def test_a_broken_document_is_shown_with_its_problem_and_without_its_secrets(
    bad: dict[str, Any],
) -> None:
    broken = document(secret="hush", auth="hush", headers="hush", **bad)
    view = public_view(broken)
    assert view["_read_only"]["problem"]
    assert {key: view[key] for key in bad} == bad
    assert "hush" not in repr(view)
    assert orjson.dumps(summary(broken))


def test_a_summary_has_crossbars_members_only() -> None:
    assert summary(document()) == {
        "id": "w",
        "hook": "sms",
        "name": "crm",
        "uri": "https://x.example/",
        "enabled": True,
    }


def test_every_member_that_is_always_there_has_a_default() -> None:
    document = {"_id": "w", "account_id": ACCOUNT, "hook": "sms", "uri": "https://x.example/"}
    always = {member.name for member in MEMBERS if not member.optional}
    assert always <= completed(document).keys()
    assert always <= public_view(document).keys()
