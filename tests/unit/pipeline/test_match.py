from typing import Any

import pytest
from bson import Int64

from service.documents.webhook import webhook_of
from service.pipeline.match import fits, subscribed
from tests.builders import ACCOUNT, MASTER, RESELLER, make_account, make_event, make_webhook

PAYLOAD = {
    "call_direction": "inbound",
    "timestamp": 10,
    "ratio": 1.0,
    "is_internal_leg": False,
    "local_resource_used": True,
    "custom_application_vars": {"a": 1},
}


def test_an_accounts_own_webhooks_come_first_then_its_ancestors_root_first() -> None:
    own = [make_webhook("own-1"), make_webhook("own-2", hook="all")]
    above = [
        make_account(
            make_webhook(f"wide-{name}", account_id=name, include_subaccounts=True),
            make_webhook(f"narrow-{name}", account_id=name),
            account_id=name,
        )
        for name in (MASTER, RESELLER)
    ]

    found = subscribed(make_event(), make_account(*own), above)

    assert [webhook.webhook_id for webhook in found] == [
        "own-1",
        "own-2",
        f"wide-{MASTER}",
        f"wide-{RESELLER}",
    ]


def test_webhooks_of_another_hook_do_not_hear() -> None:
    account = make_account(make_webhook(hook="channel_destroy"))
    assert subscribed(make_event(), account, []) == []


def test_an_ancestors_webhook_for_all_hears_where_it_includes_sub_accounts() -> None:
    for_all = make_webhook("wide", hook="all", include_subaccounts=True)
    narrow = make_webhook("narrow", hook="all")
    found = subscribed(make_event(), make_account(), [make_account(for_all, narrow)])
    assert found == [for_all]


def test_internal_legs_are_for_those_who_want_them() -> None:
    wants = make_webhook("wants")
    declines = make_webhook("declines", hook="all", include_internal_legs=False)
    account = make_account(wants, declines)
    ancestor = make_account(
        make_webhook("above", include_subaccounts=True, include_internal_legs=False)
    )

    assert subscribed(make_event(internal_leg=True), account, [ancestor]) == [wants]
    assert subscribed(make_event(), account, []) == [wants, declines]


@pytest.mark.parametrize(
    "modifiers",
    [
        {},
        {"call_direction": "inbound"},
        {"call_direction": ["outbound", "inbound"]},
        {"call_direction": []},
        {"not_in_the_payload": "anything"},
        {"not_in_the_payload": ["anything"], "call_direction": "inbound"},
        {"timestamp": 10},
        {"timestamp": [9, 10]},
        {"is_internal_leg": False},
        {"local_resource_used": True},
        {"custom_application_vars": {"a": 1}},
        {"custom_application_vars": [{"a": 1}]},
    ],
)
def test_modifiers_that_fit(modifiers: dict[str, Any]) -> None:
    assert fits(modifiers, PAYLOAD) is True


@pytest.mark.parametrize(
    "modifiers",
    [
        {"call_direction": "outbound"},
        {"call_direction": ["outbound"]},
        {"call_direction": None},
        {"call_direction": [None]},
        {"call_direction": "inbound", "timestamp": 11},
        {"timestamp": "10"},
        {"timestamp": ["10"]},
        {"timestamp": True},
        {"is_internal_leg": 0},
        {"is_internal_leg": "false"},
        {"is_internal_leg": [0, ""]},
        {"local_resource_used": 1},
        {"local_resource_used": [1, "true"]},
        {"custom_application_vars": {"a": 2}},
        {"custom_application_vars": {}},
    ],
)
def test_modifiers_that_do_not_fit(modifiers: dict[str, Any]) -> None:
    assert fits(modifiers, PAYLOAD) is False


def test_a_list_is_the_values_allowed_not_a_value() -> None:
    assert fits({"tags": ["a", "b"]}, {"tags": ["a", "b"]}) is False
    assert fits({"tags": [["a", "b"]]}, {"tags": ["a", "b"]}) is True


def test_nested_values_are_compared_as_strictly_as_plain_ones() -> None:
    assert fits({"custom_application_vars": {"a": True}}, PAYLOAD) is False


@pytest.mark.parametrize("allowed", [Int64(10), [Int64(9), Int64(10)]])
def test_a_long_integer_of_the_store_is_the_number_it_is(allowed: Any) -> None:
    # Drivers write integers as 64 bits, and PyMongo reads those as a type of its own.
    document = {
        "_id": "1",
        "account_id": ACCOUNT,
        "hook": "all",
        "uri": "https://h.example/",
        "modifiers": {"timestamp": allowed},
    }
    assert fits(webhook_of(document).modifiers, PAYLOAD) is True


CHANGE = {"type": "user", "action": "doc_edited"}


@pytest.mark.parametrize(
    ("filters", "fires"),
    [
        ({}, True),
        (CHANGE, True),
        ({"type": "all", "action": "all"}, True),
        ({"type": "user"}, True),
        ({"action": "doc_edited"}, True),
        ({"type": "device", "action": "all"}, False),
        ({"type": "all", "action": "doc_created"}, False),
        ({"type": ["user"]}, False),
    ],
    ids=str,
)
def test_type_and_action_filter_and_a_missing_one_is_no_constraint(
    filters: dict[str, Any], fires: bool
) -> None:
    event = make_event(hook="object", name="doc_edited", facts=CHANGE)
    webhook = make_webhook(hook="object", filters=filters)
    assert subscribed(event, make_account(webhook), []) == ([webhook] if fires else [])


def test_events_of_another_switch_are_not_wanted() -> None:
    webhook = make_webhook(hook="all", source="another")
    assert subscribed(make_event(), make_account(webhook), []) == []
    assert subscribed(make_event(source="another"), make_account(webhook), []) == [webhook]


def test_a_webhook_for_several_hooks_gets_the_events_of_each() -> None:
    webhook = make_webhook(hooks=frozenset({"channel_create", "channel_destroy"}))
    account = make_account(webhook)
    for hook, wanted in (("channel_create", 1), ("channel_destroy", 1), ("channel_answer", 0)):
        assert len(subscribed(make_event(hook=hook), account, [])) == wanted


def test_type_and_action_mean_nothing_to_hooks_without_filters() -> None:
    webhook = make_webhook(filters={"type": "x", "action": "y"})
    assert subscribed(make_event(), make_account(webhook), []) == [webhook]


def test_a_second_event_of_one_message_does_not_reach_hook_all_again() -> None:
    own, every = make_webhook("own", hook="fax"), make_webhook("every", hook="all")
    event = make_event(hook="fax", reaches_all=False)
    assert subscribed(event, make_account(own, every), []) == [own]
