"""The webhook of a delivery as it is now."""

import asyncio
from dataclasses import replace

import pytest

from service.domain.webhook import Account, Webhook, account_of
from service.pipeline.accounts.current import CurrentWebhooks
from service.pipeline.recovery.availability import Availability
from tests.builders import ACCOUNT, RESELLER, WEBHOOK_DEFAULTS, make_delivery, make_webhook
from tests.fakes import FakeDirectory, FakeStore, make_metrics
from tests.virtual_time import in_virtual_time, now

BROUGHT = make_delivery(
    webhook={
        **WEBHOOK_DEFAULTS,
        "_id": "brought",
        "account_id": ACCOUNT,
        "name": "Brought along",
        "uri": "https://brought.example/",
        "hook": "all",
    }
)


def known(store: FakeStore, *webhooks: Webhook, require_https: bool = False) -> Account:
    account = account_of(ACCOUNT, (), RESELLER, webhooks, require_https=require_https)
    store.accounts[ACCOUNT] = account
    store.webhooks |= {webhook.webhook_id: webhook for webhook in webhooks}
    return account


def current(store: FakeStore, *, remembers: bool = True) -> CurrentWebhooks:
    return CurrentWebhooks(FakeDirectory(store, remembers=remembers), Availability(make_metrics()))


@in_virtual_time
async def test_a_webhook_is_unchanged_while_its_account_is_remembered_with_it() -> None:
    store = FakeStore()
    [webhook] = known(store, make_webhook()).webhooks
    assert current(store).unchanged(make_delivery(), webhook)
    assert not current(store, remembers=False).unchanged(make_delivery(), webhook)
    assert store.asked == []


@pytest.mark.parametrize(
    "meanwhile",
    [
        [make_webhook(uri="https://moved.example/")],
        [make_webhook(enabled=False)],
        [make_webhook("another")],
        [],
    ],
    ids=["edited", "disabled", "another", "deleted"],
)
@in_virtual_time
async def test_a_webhook_that_is_not_what_it_was_is_noticed(meanwhile: list[Webhook]) -> None:
    store = FakeStore()
    [webhook] = known(store, make_webhook()).webhooks
    known(store, *meanwhile)
    assert not current(store).unchanged(make_delivery(), webhook)


@in_virtual_time
async def test_it_is_asked_for_until_the_store_answers() -> None:
    store = FakeStore(failures=2)
    known(store, make_webhook(enabled=False))
    webhook = await current(store).of(make_delivery())
    assert webhook == make_webhook(enabled=False)
    assert round(now(), 6) == 0.6
    assert await current(store).of(make_delivery(webhook_id="gone")) is None


@in_virtual_time
async def test_what_a_callflow_brought_along_cannot_change_and_obeys_its_account() -> None:
    store = FakeStore()
    known(store, require_https=True)
    webhooks = current(store)
    assert webhooks.unchanged(BROUGHT, make_webhook("brought"))
    webhook = await webhooks.of(BROUGHT)
    assert webhook is not None
    assert (webhook.webhook_id, webhook.https_only) == ("brought", True)
    assert replace(webhook, https_only=False).uri == "https://brought.example/"
    await asyncio.sleep(0)


def test_a_stored_webhook_can_be_deleted_and_one_that_was_brought_along_cannot() -> None:
    store = FakeStore()
    [webhook] = known(store, make_webhook()).webhooks
    directory = FakeDirectory(store, remembers=True)
    webhooks = CurrentWebhooks(directory, Availability(make_metrics()))
    directory.deleted |= {webhook.webhook_id, BROUGHT.webhook_id}
    assert webhooks.deleted(make_delivery())
    assert not webhooks.unchanged(make_delivery(), webhook)
    assert not webhooks.deleted(BROUGHT)
