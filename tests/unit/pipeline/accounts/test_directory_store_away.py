"""What the directory still knows while the store is away, and whom it keeps waiting."""

import asyncio

import pytest

from service.domain.errors import StoreUnavailable
from service.domain.policy import CachePolicy
from service.domain.webhook import Account
from service.pipeline.accounts.directory import RETRY_STALE_S, SOON_S, RememberedDirectory
from tests.builders import ACCOUNT, RESELLER, make_account, make_webhook
from tests.fakes import make_metrics
from tests.unit.adapters.directory_parts import MAX_AGE_S, Blocking, Setting
from tests.virtual_time import in_virtual_time, now, settle


async def test_a_stale_account_serves_on_while_the_store_is_away() -> None:
    setting = Setting()
    known = await setting.directory.account(ACCOUNT)
    setting.change("new")
    setting.store.failures = 1
    setting.now += MAX_AGE_S + 1

    assert await setting.directory.account(ACCOUNT) is known
    # For a while the store is not asked again, then it is.
    assert setting.directory.remembered(ACCOUNT) is known
    assert setting.store.asked == [ACCOUNT, ACCOUNT]
    setting.now += RETRY_STALE_S + 0.001
    assert (await setting.directory.account(ACCOUNT)).webhooks[0].webhook_id == "new"


async def test_an_unknown_account_cannot_be_told_while_the_store_is_away() -> None:
    setting = Setting()
    setting.store.failures = 1
    with pytest.raises(StoreUnavailable):
        await setting.directory.account(ACCOUNT)
    assert (await setting.directory.account(ACCOUNT)).webhooks == (make_webhook(),)


async def test_a_remembered_webhook_serves_while_the_store_is_away() -> None:
    setting = Setting()
    await setting.directory.account(ACCOUNT)
    setting.now += 10 * MAX_AGE_S
    setting.store.failures = 1
    assert await setting.directory.webhook(ACCOUNT, "hook-1") == make_webhook()


@pytest.mark.parametrize(("account_id", "webhook_id"), [(ACCOUNT, "other"), (RESELLER, "hook-1")])
async def test_a_webhook_nobody_remembers_cannot_be_told_while_the_store_is_away(
    account_id: str, webhook_id: str
) -> None:
    setting = Setting()
    await setting.directory.account(ACCOUNT)
    setting.store.failures = 1
    with pytest.raises(StoreUnavailable):
        await setting.directory.webhook(account_id, webhook_id)


async def test_a_number_cannot_be_told_while_the_store_is_away() -> None:
    setting = Setting()
    setting.store.failures = 1
    with pytest.raises(StoreUnavailable):
        await setting.directory.account_of_number("+1555")


async def hanging() -> tuple[Blocking, RememberedDirectory, Account]:
    """Return a store that answers no more, who asks it, and an account that is old by now."""
    store = Blocking()
    store.accounts[ACCOUNT] = make_account(make_webhook())
    store.may_answer.set()
    policy = CachePolicy(max_accounts=10, max_age_s=MAX_AGE_S)
    directory = RememberedDirectory(store, policy, make_metrics(), now)
    remembered = await directory.account(ACCOUNT)
    store.may_answer.clear()
    await asyncio.sleep(MAX_AGE_S + 1)
    return store, directory, remembered


@in_virtual_time
async def test_while_the_store_hangs_a_remembered_account_is_waited_for_once() -> None:
    store, directory, remembered = await hanging()
    began = now()
    assert await directory.account(ACCOUNT) is remembered
    assert now() - began == SOON_S
    for _ in range(3):
        await asyncio.sleep(RETRY_STALE_S + 1)
        began = now()
        assert await directory.account(ACCOUNT) is remembered
        assert now() == began, "nobody waits a second time"
    changed = store.accounts[ACCOUNT] = make_account(make_webhook("new"))
    store.may_answer.set()
    await settle()
    await asyncio.sleep(MAX_AGE_S + 1)
    assert await directory.account(ACCOUNT) is changed


@in_virtual_time
async def test_an_account_that_changed_is_waited_for_although_the_store_was_away() -> None:
    store, directory, _ = await hanging()
    await directory.account(ACCOUNT)
    changed = store.accounts[ACCOUNT] = make_account(make_webhook("new"))
    directory.forget(ACCOUNT)
    asked = asyncio.create_task(directory.account(ACCOUNT))
    await settle()
    store.may_answer.set()
    assert await asked is changed
