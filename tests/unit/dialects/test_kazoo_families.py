"""Parking, messages, objects, notifications and faxes: the rules beyond the vectors."""

import gzip
from typing import Any

import orjson
import pytest

from service.dialects.bus_message import Occasion
from service.dialects.kazoo.decode import KazooDecoder
from service.dialects.kazoo.events.notification_types import TYPES
from service.dialects.kazoo.events.values import normalised
from service.dialects.kazoo.policy import KazooPolicy
from service.domain.errors import RejectedMessage, RejectReason
from service.domain.event import Event, Message
from tests.builders import ACCOUNT, CALL_ID
from tests.dialects import HOOKS

SAMPLES = {hook.hook_id: dict(hook.sample(Occasion.now(ACCOUNT, CALL_ID)).body) for hook in HOOKS}


def decode(body: Any, policy: KazooPolicy | None = None, **how: Any) -> tuple[Event, ...]:
    decoder = KazooDecoder(policy or KazooPolicy(), 1_000_000)
    raw = body if isinstance(body, bytes) else orjson.dumps(body)
    return decoder.decode(Message("kazoo", "", "", raw, **how))


def rejection(body: Any) -> tuple[RejectReason, str]:
    with pytest.raises(RejectedMessage) as caught:
        decode(body)
    return caught.value.reason, caught.value.detail


def changed(hook: str, **changes: Any) -> dict[str, Any]:
    named = {key.replace("_", "-"): value for key, value in changes.items()}
    body = SAMPLES[hook] | named
    return {key: value for key, value in body.items() if value is not ...}


def test_a_parked_call_without_an_account_is_nobodys_and_its_number_is_not_looked_up() -> None:
    [event] = decode(changed("parking", Custom_Channel_Vars={}, To="+1555@x"))
    assert event.account_id is None
    assert event.dialled_number is None


def test_a_parked_loopback_leg_is_no_internal_leg() -> None:
    [event] = decode(changed("parking", Channel_Is_Loopback=True))
    assert not event.facts.get("internal_leg", False)
    assert event.fields["channel_is_loopback"] is True


@pytest.mark.parametrize("field", ["Message-ID", "From", "To"])
def test_a_message_needs_its_id_and_both_parties(field: str) -> None:
    body = {key: value for key, value in SAMPLES["sms"].items() if key != field}
    assert rejection(body) == (RejectReason.MISSING_FIELD, f"{field} is missing")


def test_a_message_may_be_empty_but_its_body_must_be_text() -> None:
    [event] = decode(changed("sms", Body=""))
    assert event.fields["body"] == ""
    assert rejection(changed("sms", Body=["x"])) == (
        RejectReason.WRONG_TYPE,
        "Body must be a string",
    )


@pytest.mark.parametrize(
    ("name", "route", "wanted_by"),
    [
        ("inbound", "offnet", {"offnet"}),
        ("inbound", "onnet", {"onnet"}),
        ("outbound", "offnet", {"outbound"}),
        ("outbound", "onnet", {"outbound"}),
    ],
)
@pytest.mark.parametrize("routes", [("offnet",), ("onnet",), ("outbound",), ("offnet", "outbound")])
def test_only_messages_on_the_routes_that_are_wanted_are_events(
    name: str, route: str, wanted_by: set[str], routes: Any
) -> None:
    policy = KazooPolicy(sms_routes=routes)
    events = decode(changed("sms", Event_Name=name, Route_Type=route), policy)
    assert len(events) == (1 if wanted_by & set(routes) else 0)
    for event in events:
        assert event.fields["direction"] == (None if routes == ("offnet",) else name)


def test_a_compressed_message_is_read() -> None:
    body = gzip.compress(orjson.dumps(SAMPLES["mms"]))
    [event] = decode(body, content_encoding="gzip")
    assert event.hook == "mms"


@pytest.mark.parametrize(
    ("database", "owner"),
    [
        ("account%2Fab%2Fcd%2F" + "0" * 28, "abcd" + "0" * 28),
        ("account/ab/cd/" + "0" * 28, "abcd" + "0" * 28),
        ("account%2Fab%2Fcd%2F" + "0" * 28 + "-202404", "abcd" + "0" * 28),
        ("accounts", "c4c0ad092e57bc1d28e69bbd20dad932"),
        ("account%2Fab%2Fcd%2F" + "0" * 27, None),
        ("account%2Fab%2Fcd%2F" + "0" * 28 + "-2024", None),
        ("webhooks", None),
        ("system_config", None),
    ],
)
def test_an_object_belongs_to_the_account_of_its_database(database: str, owner: str | None) -> None:
    events = decode(changed("object", Database=database))
    assert [event.account_id for event in events] == ([owner] if owner else [])


@pytest.mark.parametrize("kind", ["fax", "faxbox"])
def test_a_change_of_a_fax_is_an_event_of_both_hooks_and_once_of_all(kind: str) -> None:
    change, of_fax = decode(changed("object", Type=kind))
    assert (change.hook, change.reaches_all) == ("object", True)
    assert (of_fax.hook, of_fax.reaches_all) == ("fax", False)
    assert of_fax.fields == {**change.fields, "event_name": "doc_edited"}
    assert of_fax.event_id == change.event_id


def test_a_request_between_kazoos_own_apps_is_no_event() -> None:
    assert decode(changed("object", Event_Name="doc_type_update", Type="webhook")) == ()


def test_a_progress_of_a_fax_needs_its_job() -> None:
    assert rejection(changed("fax", Job_ID=...)) == (
        RejectReason.MISSING_FIELD,
        "Job-ID is missing",
    )


def _notification(name: str) -> dict[str, Any]:
    fields = {field: f"the {field}" for field in TYPES[name].required}
    extra = {"Hook": {"uri": "http://x/", "pvt_account_id": ACCOUNT}, "Data": {"a": 1}}
    common = {"Event-Category": "notification", "Event-Name": name}
    return fields | {"Account-ID": ACCOUNT} | (extra if name == "webhook" else {}) | common


@pytest.mark.parametrize("name", TYPES)
def test_every_type_of_notification_is_an_event_filtered_by_its_name(name: str) -> None:
    events = decode(_notification(name))
    hooks = ["notifications", "fax"] if "_fax" in name else ["notifications"]
    assert [event.hook for event in events] == hooks
    assert [event.reaches_all for event in events] == [True, False][: len(hooks)]
    assert {event.account_id for event in events} == {ACCOUNT}
    if name != "webhook":
        assert {event.facts["type"] for event in events} == {name}


@pytest.mark.parametrize(
    ("name", "field"),
    [(name, field) for name, kind in TYPES.items() for field in kind.required],
)
def test_a_notification_without_a_field_of_its_type_is_rejected(name: str, field: str) -> None:
    body = {key: value for key, value in _notification(name).items() if key != field}
    assert rejection(body) == (RejectReason.MISSING_FIELD, f"{name} without {field}")


def test_an_unknown_notification_is_rejected() -> None:
    body = _notification("ported") | {"Event-Name": "voicemail_deleted"}
    assert rejection(body)[0] is RejectReason.UNKNOWN_EVENT


@pytest.mark.parametrize("field", ["Password", "Password-Reset-Link", "Account-API-Key"])
def test_a_secret_is_sent_on_only_where_that_is_asked_for(field: str) -> None:
    body = _notification("password_recovery") | {field: "hush"}
    [event] = decode(body)
    assert "hush" not in orjson.dumps(event.fields).decode()
    [event] = decode(body, KazooPolicy(forward_secrets=True))
    assert "hush" in orjson.dumps(event.fields).decode()


@pytest.mark.parametrize(
    "place",
    [
        {"account_id": "x"},
        {"account": {"_id": "x"}},
        {"pvt_account_id": "x"},
        {"_id": "x"},
        {"id": "x"},
        {"details": {"account_id": "x"}},
        {"Details": {"Account-ID": "x"}},
        {"details": {"custom_channel_vars": {"account_id": "x"}}},
        {"Details": {"Custom-Channel-Vars": {"Account-ID": "x"}}},
    ],
    ids=str,
)
def test_the_account_of_a_notification_may_stand_in_many_places(place: dict[str, Any]) -> None:
    body = {"Event-Category": "notification", "Event-Name": "system_alert"}
    [event] = decode(body | {"Message": "m", "Subject": "s"} | place)
    assert event.account_id == "x"


def test_what_a_callflow_calls_is_told_to_the_webhook_it_brings_along() -> None:
    hook = {"_id": "1", "uri": "http://x/", "hook": "notifications", "pvt_account_id": ACCOUNT}
    body = _notification("webhook") | {"Hook": hook, "Data": {"Call-ID": "c", "nothing": None}}
    [event] = decode(body)
    assert event.webhook == {**hook, "account_id": ACCOUNT}
    assert event.fields == {"call_id": "c"}


def test_keys_are_lowered_in_ascii_only_and_nulls_go_from_objects_but_not_from_lists() -> None:
    assert normalised(
        {"Caller-ID-Name": {"ÉTÉ-X": 1, "gone": None}, "L": [None, {"A-B": None}]}
    ) == {
        "caller_id_name": {"ÉtÉ_x": 1},
        "l": [None, {}],
    }
