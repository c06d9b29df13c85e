from datetime import UTC, datetime
from typing import Any

import pytest

from service.dialects.kazoo.crossbar.decision import Decision, Verdict
from service.dialects.kazoo.crossbar.webhooks import Imported, read_webhook
from service.documents.webhook import webhook_of
from tests.builders import ACCOUNT, WEBHOOK_DEFAULTS


def kazoo_document(**members: Any) -> dict[str, Any]:
    return {
        "_id": "5f0c",
        "_rev": "3-967a",
        "pvt_type": "webhook",
        "pvt_account_id": ACCOUNT,
        "pvt_account_db": "webhooks",
        "pvt_created": 63_877_497_874,
        "pvt_modified": 63_877_497_999,
        "name": "crm",
        "uri": "https://hooks.example.net/kazoo",
        "hook": "channel_destroy",
        **members,
    }


def imported(**members: Any) -> list[Imported]:
    readings = read_webhook(kazoo_document(**members))
    assert all(isinstance(reading, Imported) for reading in readings), readings
    return [reading for reading in readings if isinstance(reading, Imported)]


def decided(raw: Any) -> Decision:
    (decision,) = read_webhook(raw)
    assert isinstance(decision, Decision)
    return decision


def test_a_document_comes_in_our_shape_with_kazoos_defaults() -> None:
    (webhook,) = imported()
    assert webhook.document == {
        "_id": "5f0c",
        "account_id": ACCOUNT,
        "name": "crm",
        "uri": "https://hooks.example.net/kazoo",
        "hook": "channel_destroy",
        "disable_reason": None,
        **WEBHOOK_DEFAULTS,
    }
    assert webhook.remark == ""


def test_gregorian_seconds_become_dates() -> None:
    (webhook,) = imported()
    assert webhook.created_at == datetime(2024, 3, 12, 21, 24, 34, tzinfo=UTC)
    assert webhook.modified_at == datetime(2024, 3, 12, 21, 26, 39, tzinfo=UTC)


@pytest.mark.parametrize("value", [None, "yesterday", 10**20, -(10**20)])
def test_a_time_that_is_none_is_left_open(value: Any) -> None:
    (webhook,) = imported(pvt_created=value)
    assert webhook.created_at is None


def test_why_it_was_disabled_is_kept_while_it_is_disabled() -> None:
    reason = "too many failed attempts"
    (webhook,) = imported(enabled=False, pvt_disabled_message=reason)
    assert webhook.document["disable_reason"] == reason
    (webhook,) = imported(enabled=True, disable_reason=reason)
    assert webhook.document["disable_reason"] is None


def test_unknown_members_are_left_out_and_named() -> None:
    (webhook,) = imported(group="a", secret="whsec_x", _attachments={}, pvt_vsn="1")
    assert webhook.remark == "left out: group, secret"
    assert not {"group", "secret", "_attachments", "pvt_vsn"} & set(webhook.document)


def test_an_old_fax_hook_becomes_two_webhooks_of_the_types_it_was_for() -> None:
    first, second = imported(hook="inbound_fax", custom_data={"crm": "1"})
    assert first.document["_id"] == "5f0c"
    assert second.document["_id"] == "b6b5e0cb830561bd0335b393f15363d4"
    assert [one.document["custom_data"] for one in (first, second)] == [
        {"crm": "1", "type": "inbound_fax"},
        {"crm": "1", "type": "inbound_fax_error"},
    ]
    assert {one.document["hook"] for one in (first, second)} == {"notifications"}
    assert first.remark == "hook inbound_fax is now notifications of type inbound_fax"


def test_an_old_callflow_hook_becomes_one() -> None:
    (webhook,) = imported(hook="callflow")
    assert webhook_of(webhook.document).filters == {"type": "webhook"}


def test_a_type_where_kazoos_own_migration_put_it_counts() -> None:
    (webhook,) = imported(hook="notifications", type="outbound_fax", other_id="77")
    assert webhook.document["custom_data"] == {"type": "outbound_fax"}
    assert "receives only type outbound_fax" in webhook.remark
    (webhook,) = imported(hook="notifications", type="a", custom_data={"type": "b"})
    assert webhook.document["custom_data"] == {"type": "b"}


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({"pvt_deleted": True}, "deleted in Kazoo"),
        ({"pvt_type": "webhook_meta"}, "pvt_type is 'webhook_meta'"),
        ({"_id": "_design/webhooks"}, "a design document"),
    ],
)
def test_what_is_no_webhook_is_skipped(members: dict[str, Any], reason: str) -> None:
    decision = decided(kazoo_document(**members))
    assert (decision.verdict, decision.reason) == (Verdict.SKIPPED, reason)


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({"uri": "ftp://x"}, "the scheme must be http or https, not 'ftp'"),
        ({"uri": "http://user:hush@x/"}, "the URI must not carry credentials"),
        ({"http_verb": "head"}, "http_verb must be get, post, put or delete, not 'head'"),
        ({"custom_data": 3}, "custom_data must be an object, not int"),
        ({"custom_data": 3, "hook": "inbound_fax"}, "custom_data must be an object, not int"),
        ({"custom_data": 3, "hook": "notifications", "type": "x"}, "custom_data must be an object"),
        ({"pvt_account_id": None}, "account_id must be a non-empty string, not None"),
        ({"hook": None}, "hook must be a non-empty string, not None"),
    ],
)
def test_what_cannot_be_used_is_refused_with_the_reason(
    members: dict[str, Any], reason: str
) -> None:
    decision = read_webhook(kazoo_document(**members))[0]
    assert isinstance(decision, Decision)
    assert (decision.verdict, decision.item_id) == (Verdict.REFUSED, "5f0c")
    assert decision.reason.startswith(reason)


@pytest.mark.parametrize("raw", [None, "text", 3, [], {}, {"_id": 4}])
def test_what_is_no_document_is_refused(raw: Any) -> None:
    assert decided(raw).verdict is Verdict.REFUSED
