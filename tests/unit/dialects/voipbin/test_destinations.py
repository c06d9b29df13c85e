"""What VoIPBIN's events tell about the destinations that it manages itself."""

import json
from typing import Any

import pytest

from service.dialects.voipbin.decode import VoipbinDecoder
from service.dialects.voipbin.exchanges import envelope, routing_keys
from service.dialects.voipbin.policy import VoipbinPolicy
from service.dialects.voipbin.resource import ZERO_UUID
from service.domain.event import Event, Message
from service.domain.provision import AccountProvision, ScopedWebhook
from tests.voipbin_vectors import read

CUSTOMER = {
    "id": "5e4a0680-804e-11ec-8477-2fea5968d85b",
    "name": "Acme",
    "webhook_uri": "https://example.com/all",
    "webhook_method": "PUT",
    "webhook_secret": "the-secret",
    "tm_create": "2026-08-22T09:00:00Z",
    "tm_update": "2026-08-22T10:00:00.123456789Z",
}
FLOW = {"id": "f1", "customer_id": CUSTOMER["id"], "webhook_uri": "https://example.com/flow"}


def event_of(name: str, data: dict[str, Any], publisher: str) -> Event:
    body = json.dumps(envelope(name, publisher, data)).encode()
    exchange = f"bin-manager.{publisher}.event"
    [event] = VoipbinDecoder(VoipbinPolicy(), 1 << 20).decode(
        Message("voipbin", exchange, "", body)
    )
    return event


def told(name: str, **change: Any) -> AccountProvision:
    provision = event_of(name, {**CUSTOMER, **change}, "customer-manager").provision
    assert isinstance(provision, AccountProvision)
    return provision


def test_a_customer_has_one_webhook_for_everything() -> None:
    provision = told("customer_created")
    assert provision.webhook == {
        "_id": provision.webhook_id,
        "account_id": CUSTOMER["id"],
        "source": "voipbin",
        "uri": "https://example.com/all",
        "http_verb": "put",
        "name": "VoIPBIN: all events of the customer",
        "event_types": ["*"],
    }
    assert (provision.secret, provision.changed_at) == ("the-secret", 1787392800.123456)


def test_the_secret_of_a_customer_is_no_part_of_the_event() -> None:
    event = event_of("customer_updated", CUSTOMER, "customer-manager")
    assert "the-secret" not in json.dumps(event.fields)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("customer_deleted", {}),
        ("customer_updated", {"tm_delete": "2026-08-22T11:00:00Z"}),
        ("customer_updated", {"webhook_uri": ""}),
        ("customer_updated", {"webhook_uri": None}),
    ],
)
def test_a_customer_that_is_gone_or_has_no_address_has_no_webhook(
    name: str, change: dict[str, Any]
) -> None:
    provision = told(name, **change)
    assert provision.webhook is None
    assert provision.webhook_id == told("customer_created").webhook_id


def test_a_request_without_a_method_is_a_get() -> None:
    webhook = told("customer_created", webhook_method="").webhook
    assert webhook is not None
    assert webhook["http_verb"] == "get"


def test_a_time_that_cannot_be_read_is_the_oldest() -> None:
    assert told("customer_created", tm_create="yesterday", tm_update=7).changed_at == 0.0


def test_an_activeflow_with_an_address_has_a_webhook_for_its_scope() -> None:
    provision = event_of("activeflow_created", FLOW, "flow-manager").provision
    assert isinstance(provision, ScopedWebhook)
    assert provision.scope_id == "f1"
    assert provision.document["uri"] == "https://example.com/flow"
    without = event_of("activeflow_created", {**FLOW, "webhook_uri": ""}, "flow-manager")
    assert without.provision is None


@pytest.mark.parametrize(
    ("name", "publisher", "scope"),
    [
        ("call_created", "call-manager", "f1"),
        ("recording_started", "call-manager", "f1"),
        ("aicall_status_progressing", "ai-manager", "f1"),
        ("aimessage_created", "ai-manager", "f1"),
        ("conferencecall_joined", "conference-manager", None),
        ("email_created", "email-manager", None),
        ("activeflow_updated", "flow-manager", None),
    ],
)
def test_some_events_happen_in_the_scope_of_their_activeflow(
    name: str, publisher: str, scope: str | None
) -> None:
    data = {"id": "x", "customer_id": CUSTOMER["id"], "activeflow_id": "f1"}
    assert event_of(name, data, publisher).scope_id == scope
    nowhere = event_of(name, {**data, "activeflow_id": ZERO_UUID}, publisher)
    assert nowhere.scope_id is None


def test_routing_keys_are_those_of_webhook_manager() -> None:
    told = [one for one in read() if one["topic_routing_keys"]]
    for vector in told:
        data = json.loads(vector["webhook_body"])["data"]
        keys = routing_keys(vector["event_type"], vector["customer_id"], data)
        assert list(keys) == vector["topic_routing_keys"]
    chat = {"id": "m1", "chat_id": "c1"}
    assert routing_keys("chatmessage_created", "o", chat) == (
        "customer_id.o.talk.chatmessage_created.c1",
    )
    assert routing_keys("chat_created", "o", {"id": "c1"}) == (
        "customer_id.o.talk.chat_created.c1",
    )
