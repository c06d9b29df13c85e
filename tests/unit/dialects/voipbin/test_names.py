"""Which hooks the names in a subscription mean."""

import pytest

from service.dialects.voipbin.kinds import KINDS
from service.dialects.voipbin.names import ALIASES, HookNames
from service.documents.webhook import webhook_of
from service.domain.event import Event
from service.domain.webhook import Webhook, account_of
from service.pipeline.match import subscribed
from tests.voipbin_vectors import document

OWNER = {"customer_id": "5e4a0680-804e-11ec-8477-2fea5968d85b", "secret": ""}
IDS = {kind.hook_id for kind in KINDS}


def webhook(*names: str) -> Webhook:
    return HookNames().catalogued(webhook_of(document(OWNER, event_types=list(names))))


def hooks(*names: str) -> set[str]:
    return set(webhook(*names).hooks)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("call_hangup", {"call_hangup"}),
        ("call.hangup", {"call_hangup"}),
        ("call_hungup", {"call_hangup"}),
        ("call.completed", {"call_hangup"}),
        ("transcribe.completed", {"transcribe_done"}),
        ("account_created", {"conversation-manager/account_created"}),
        ("storage-manager/Account_created", {"storage-manager/account_created"}),
        ("recording_*", {"recording_started", "recording_finished"}),
        ("recording.*", {"recording_started", "recording_finished"}),
        ("conversation-manager/account_c*", {"conversation-manager/account_created"}),
        ("account_u*", {"conversation-manager/account_updated"}),
        ("customer_*", set()),
        ("teleport_done", {"teleport_done"}),
    ],
)  # fmt: skip
def test_a_name_means_hooks_of_the_catalogue(name: str, meant: set[str]) -> None:
    assert hooks(name) == meant


def test_a_pattern_means_all_that_begins_so() -> None:
    assert hooks("call_*") == {one for one in IDS if one.startswith("call_")}
    assert len(hooks("call_*")) == 9


def test_a_star_means_everything() -> None:
    assert hooks("*", "call_hangup") == {"all", "call_hangup"}


def test_every_alias_means_hooks_that_exist() -> None:
    assert {hook for meant in ALIASES.values() for hook in meant} <= IDS
    assert not ALIASES.keys() & IDS


def test_received_messages_are_new_ones_from_outside() -> None:
    assert received("inbound", "message_received", "call_hangup")
    assert not received("outbound", "message_received", "call_hangup")


@pytest.mark.parametrize("also", ["message_created", "message_*", "*"])
def test_received_messages_beside_all_new_ones_are_no_constraint(also: str) -> None:
    assert received("outbound", "message_received", also)


def received(direction: str, *names: str) -> bool:
    event = Event(
        "e", "voipbin", "message_created", "message_created", OWNER["customer_id"], {},
        facts={"message_direction": direction},
    )  # fmt: skip
    return bool(subscribed(event, account_of(OWNER["customer_id"], webhooks=[webhook(*names)]), []))
