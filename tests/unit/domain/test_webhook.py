from dataclasses import replace

import pytest

from service.domain.filters.filters import filters_of
from service.domain.policy import requires_https
from service.domain.webhook import Account, OAuthClient, account_of
from tests.builders import ACCOUNT, MASTER, RESELLER, make_webhook

OWN = make_webhook("own")
WIDE = make_webhook("wide", include_subaccounts=True)
ALL = make_webhook("all", hook="all")
WIDE_ALL = make_webhook("wide-all", hook="all", include_subaccounts=True)
DISABLED = make_webhook("disabled", enabled=False, include_subaccounts=True)
DISABLED_ALL = make_webhook("disabled-all", hook="all", enabled=False, include_subaccounts=True)


def test_an_account_is_who_it_is_and_where_it_stands() -> None:
    account = account_of(ACCOUNT, [MASTER, RESELLER], RESELLER, [OWN])
    assert account.account_id == ACCOUNT
    assert account.tree == (MASTER, RESELLER)
    assert account.reseller_id == RESELLER
    assert account.webhooks == (OWN,)


def test_webhooks_are_found_by_hook_in_stored_order() -> None:
    account = account_of(ACCOUNT, webhooks=[WIDE_ALL, OWN, ALL, WIDE])
    assert account.own("kazoo", "channel_create") == (WIDE_ALL, OWN, ALL, WIDE)


def test_a_hook_that_only_all_covers_finds_those_for_all() -> None:
    account = account_of(ACCOUNT, webhooks=[OWN, ALL, WIDE, WIDE_ALL])
    assert account.own("kazoo", "channel_destroy") == (ALL, WIDE_ALL)
    assert account.inherited("kazoo", "channel_destroy") == (WIDE_ALL,)


def test_only_webhooks_that_include_sub_accounts_are_inherited() -> None:
    account = account_of(ACCOUNT, webhooks=[OWN, ALL, WIDE, WIDE_ALL])
    assert account.inherited("kazoo", "channel_create") == (WIDE, WIDE_ALL)


def test_a_hook_of_narrow_webhooks_still_inherits_those_for_all() -> None:
    account = account_of(ACCOUNT, webhooks=[OWN, WIDE_ALL])
    assert account.inherited("kazoo", "channel_create") == (WIDE_ALL,)


def test_a_disabled_webhook_is_nowhere() -> None:
    account = account_of(ACCOUNT, webhooks=[DISABLED, DISABLED_ALL])
    assert account.webhooks == ()
    for hook in ("channel_create", "channel_destroy"):
        assert not account.own("kazoo", hook)
        assert not account.inherited("kazoo", hook)


def test_an_account_without_a_document_has_nobody_above_it() -> None:
    assert account_of(ACCOUNT) == Account(ACCOUNT)
    assert Account(ACCOUNT).tree == ()


def test_a_secret_is_not_shown_when_a_webhook_is_printed() -> None:
    assert "hush" not in repr(make_webhook(secret=b"hush" * 6))


def test_what_an_account_demands_is_demanded_of_each_of_its_webhooks_and_their_tokens() -> None:
    oauth = OAuthClient("https://login.example/token", "me", "hush")
    account = account_of(ACCOUNT, webhooks=[replace(OWN, oauth=oauth), WIDE], require_https=True)
    assert all(webhook.https_only for webhook in account.webhooks)
    assert [webhook.https_only for webhook in account.inherited("kazoo", "channel_create")] == [
        True
    ]
    bound = account.own("kazoo", "channel_create")[0]
    assert bound.oauth == replace(oauth, https_only=True)
    assert account.bound(DISABLED).https_only
    assert account_of(ACCOUNT).bound(OWN) is OWN


@pytest.mark.parametrize(
    ("document", "required"),
    [
        ({}, False),
        ({"require_https": None}, False),
        ({"require_https": False}, False),
        ({"require_https": "false"}, False),
        ({"require_https": True}, True),
        ({"require_https": "true"}, True),
        ({"require_https": "yes"}, True),
        ({"require_https": {}}, True),
    ],
)
def test_an_unclear_demand_for_https_is_one(
    document: dict[str, object],
    required: bool,
) -> None:
    assert requires_https(document) is required


def test_an_account_s_time_zone_prevails_over_that_of_a_webhook() -> None:
    office = filters_of([{"time": {"from": "09:00"}}], "Asia/Tokyo")
    webhook = make_webhook(clauses=office)
    zones = {
        zone: account_of(ACCOUNT, webhooks=[webhook, OWN], timezone=zone).webhooks[0].clauses
        for zone in (None, "Europe/Berlin")
    }
    assert zones[None] is office
    assert zones["Europe/Berlin"] == office.in_zone("Europe/Berlin") != office
