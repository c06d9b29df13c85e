"""Webhooks through the API: made, seen, merged, deleted."""

import json
from typing import Any

import pytest

from tests.api_client import problem
from tests.builders import WEBHOOK_DEFAULTS
from tests.e2e.shared_service import SharedService


async def test_a_webhook_is_created_with_defaults_and_its_secret_shown_once(
    shared: SharedService,
) -> None:
    api = await shared.tenant()
    given = {"name": "crm", "uri": "http://127.0.0.1:9/x", "hook": "channel_destroy"}
    whole = given | WEBHOOK_DEFAULTS
    created = await api.put("webhooks", **given)
    assert created.status == 201
    webhook_id = created.data["id"]
    assert created.headers["Location"] == webhook_id
    assert created.headers["X-Request-ID"] == created.envelope["request_id"]
    assert created.envelope["status"] == "success"
    assert {key: created.data[key] for key in whole} == whole
    assert created.data["secret"].startswith("whsec_")

    read = await api.get(f"webhooks/{webhook_id}")
    assert read.status == 200
    assert read.data["secret"] == "(hidden)"
    assert {key: read.data[key] for key in whole} == whole
    assert read.data["_read_only"]["health"]["recent_failures"] == 0
    for other in (
        await api.patch(f"webhooks/{webhook_id}", retries=3),
        await api.post(f"webhooks/{webhook_id}", retries=4),
        await api.get("webhooks"),
        await api.delete(f"webhooks/{webhook_id}"),
    ):
        assert other.status == 200
        assert created.data["secret"] not in json.dumps(other.envelope)


async def test_a_secret_of_ones_own_is_taken_and_hidden_as_well(shared: SharedService) -> None:
    api = await shared.tenant()
    own = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    webhook = await api.create("http://127.0.0.1:9/", secret=own)
    assert webhook["secret"] == own
    assert (await api.get(f"webhooks/{webhook['id']}")).data["secret"] == "(hidden)"


async def test_post_merges_and_reports_what_it_does_not_know_as_dashs_sample_needs(
    shared: SharedService,
) -> None:
    api = await shared.tenant()
    webhook = await api.create("http://127.0.0.1:9/x", retries=4, custom_data={"crm": "7"})
    reply = await api.ask(
        "POST", f"webhooks/{webhook['id']}", {"data": {"enabled": False, "retiees": 3}}
    )
    assert reply.status == 200
    notes = {"ignored": ["retiees"], "did_you_mean": {"retiees": "retries"}}
    assert reply.envelope["metadata"] == notes
    unchanged = ("name", "uri", "hook", "format", "retries", "custom_data")
    assert {key: reply.data[key] for key in unchanged} == {key: webhook[key] for key in unchanged}
    assert reply.data["enabled"] is False


async def test_extra_keys_of_a_new_webhook_are_reported_and_choose_no_id(
    shared: SharedService,
) -> None:
    api, other = await shared.tenant(descendants=True), await shared.tenant()
    theirs = await other.create("http://127.0.0.1:9/theirs")
    sample = {
        "name": "New calls",
        "uri": "http://127.0.0.1:9/calls",
        "http_verb": "post",
        "hook": "channel_create",
        "retries": 4,
        "enabled": True,
        "include_subaccounts": True,
        "include_internal_legs": False,
        "id": theirs["id"],
        "type": "all",
        "action": "all",
    }
    reply = await api.ask("PUT", "webhooks", {"data": sample})
    assert reply.status == 201
    assert reply.envelope["metadata"] == {"ignored": ["action", "id", "type"]}
    assert reply.data["id"] != theirs["id"]
    kept = {key: sample[key] for key in sample if key not in ("id", "type", "action")}
    assert {key: reply.data[key] for key in kept} == kept
    assert (await other.get(f"webhooks/{theirs['id']}")).data["uri"] == theirs["uri"]


async def test_dashs_voicemail_sample_is_accepted_and_means_missed_calls(
    shared: SharedService,
) -> None:
    api = await shared.tenant()
    sample = {
        "name": "Voicemail",
        "uri": "http://127.0.0.1:9/voicemail",
        "http_verb": "post",
        "hook": "notifications",
        "retries": 4,
        "custom_data": {"type": "missed_call"},
        "type": "notifications",
    }
    reply = await api.ask("PUT", "webhooks", {"data": sample})
    assert reply.status == 201
    assert reply.data["custom_data"] == {"type": "missed_call"}
    assert reply.envelope["metadata"] == {"ignored": ["type"]}


async def test_a_filter_that_can_never_match_is_refused_and_one_that_may_is_warned_of(
    shared: SharedService,
) -> None:
    api = await shared.tenant()
    base = {"name": "crm", "uri": "http://127.0.0.1:9/", "hook": "channel_create"}
    reply = await api.put("webhooks", **base, modifiers={"Call-Direction": "inbound"})
    target = problem(reply, "modifiers.Call-Direction")["enum"]["target"]
    assert "call_direction" in target
    reply = await api.put("webhooks", **base, modifiers={"is_internal_leg": "true"})
    assert problem(reply, "modifiers.is_internal_leg")["type"]["target"] == ["boolean"]
    reply = await api.put("webhooks", **base, custom_data={"type": "x"})
    (warning,) = reply.envelope["metadata"]["warnings"]
    assert warning.startswith("custom_data.type: it filters nothing")
    where = f"webhooks/{reply.data['id']}"
    reply = await api.patch(where, hook="notifications", custom_data=None, modifiers={"x": "y"})
    (warning,) = reply.envelope["metadata"]["warnings"]
    assert warning.startswith("modifiers.x: no payload")
    assert "metadata" not in (await api.patch(where, modifiers=None)).envelope


@pytest.mark.parametrize("body", [{"enabled": True}, {"data": {"enabled": True}}], ids=str)
async def test_enabled_may_be_patched_bare_as_vinix_does_or_wrapped_as_kazoo_does(
    shared: SharedService, body: dict[str, Any]
) -> None:
    api = await shared.tenant()
    webhook = await api.create("http://127.0.0.1:9/", enabled=False)
    reply = await api.ask("PATCH", f"webhooks/{webhook['id']}", body)
    assert (reply.status, reply.data["enabled"]) == (200, True)
    assert "metadata" not in reply.envelope


async def test_crossbars_leniency_takes_texts_for_numbers_and_flags(shared: SharedService) -> None:
    api = await shared.tenant()
    members = {"retries": "3", "enabled": "false", "hook": "CHANNEL_CREATE", "http_verb": "PUT"}
    webhook = await api.create("http://127.0.0.1:9/", **members)
    assert (webhook["retries"], webhook["enabled"]) == (3, False)
    assert (webhook["hook"], webhook["http_verb"]) == ("channel_create", "put")


async def test_a_deleted_webhook_is_gone(shared: SharedService) -> None:
    api = await shared.tenant()
    webhook = await api.create("http://127.0.0.1:9/")
    deleted = await api.delete(f"webhooks/{webhook['id']}")
    assert deleted.status == 200
    assert deleted.data["_read_only"]["deleted"] is True
    assert deleted.data["name"] == "crm"
    for method, body in (("GET", None), ("POST", {}), ("PATCH", {"enabled": True}), ("DELETE", {})):
        reply = await api.ask(method, f"webhooks/{webhook['id']}", body)
        assert (reply.status, reply.envelope["message"]) == (404, "bad_identifier")
        assert reply.data["cause"] == webhook["id"]
    assert (await api.get("webhooks")).data == []


@pytest.mark.parametrize(
    "bad",
    [
        {"custom_data": "no object"},
        {"custom_data": {"at": b"\xff"}},
        {"modifiers": {"number": float("nan")}},
        {"http_verb": "head"},
        {"uri": 7},
        {"hook": None},
        {"secret": "no secret"},
        {"headers": {"Host": "x.example"}},
    ],
    ids=str,
)
async def test_a_webhook_that_another_tool_wrote_badly_is_shown_with_its_problem(
    shared: SharedService, bad: dict[str, Any]
) -> None:
    api = await shared.tenant()
    base = {"account_id": api.account_id, "hook": "sms", "uri": "http://127.0.0.1:9/"}
    webhook_id = f"{api.account_id}-bad"
    await shared.database["webhooks"].insert_one({**base, "_id": webhook_id, **bad})
    assert (await api.get("webhooks")).status == 200
    reply = await api.get(f"webhooks/{webhook_id}")
    assert reply.status == 200, reply.envelope
    if "modifiers" not in bad:
        assert reply.data["_read_only"]["problem"]
    removed = await api.delete(f"webhooks/{webhook_id}")
    assert removed.status == 200, removed.envelope
