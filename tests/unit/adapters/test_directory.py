import asyncio

import pytest

from service.adapters.directory import RETRY_STALE_S, SOON_S, RememberedDirectory
from service.domain.errors import StoreUnavailable
from service.domain.policy import CachePolicy
from service.domain.webhook import Account, account_of
from tests.builders import ACCOUNT, RESELLER, make_account, make_webhook
from tests.fakes import FakeStore, counted, make_metrics
from tests.virtual_time import in_virtual_time, now, settle

MAX_AGE_S = 60.0


class Setting:
    """A directory over a fake store, with a clock that a test turns."""

    def __init__(self, max_accounts: int = 100) -> None:
        self.store = FakeStore(accounts={ACCOUNT: make_account(make_webhook())})
        self.metrics = make_metrics()
        self.now = 1000.0
        self.directory = RememberedDirectory(
            self.store,
            CachePolicy(max_accounts=max_accounts, max_age_s=MAX_AGE_S),
            self.metrics,
            lambda: self.now,
        )

    def change(self, *webhook_ids: str) -> Account:
        """Change what the store has; tell nobody."""
        account = make_account(*(make_webhook(webhook_id) for webhook_id in webhook_ids))
        self.store.accounts[ACCOUNT] = account
        return account


class Blocking(FakeStore):
    """A store whose answers are what they were when it was asked, and come when they may."""

    def __init__(self) -> None:
        super().__init__()
        self.may_answer = asyncio.Event()

    async def account(self, account_id: str) -> Account:
        account = await super().account(account_id)
        await self.may_answer.wait()
        return account


async def test_an_account_is_asked_for_once() -> None:
    setting = Setting()
    directory = setting.directory
    assert directory.remembered(ACCOUNT) is None
    account = await directory.account(ACCOUNT)
    assert directory.remembered(ACCOUNT) is account
    assert await directory.account(ACCOUNT) is account
    assert setting.store.asked == [ACCOUNT]
    assert counted(setting.metrics, "accounts_remembered") == 1


async def test_an_account_without_a_webhook_is_remembered_as_well() -> None:
    setting = Setting()
    for _ in range(2):
        assert await setting.directory.account("nobody") == Account("nobody")
    assert setting.store.asked == ["nobody"]


async def test_an_account_is_asked_for_again_when_it_is_old() -> None:
    setting = Setting()
    await setting.directory.account(ACCOUNT)
    changed = setting.change("new")
    setting.now += MAX_AGE_S
    assert await setting.directory.account(ACCOUNT) != changed
    setting.now += 0.001
    assert setting.directory.remembered(ACCOUNT) is None
    assert await setting.directory.account(ACCOUNT) is changed
    assert setting.directory.remembered(ACCOUNT) is changed


async def test_a_changed_account_is_asked_for_again() -> None:
    setting = Setting()
    await setting.directory.account(ACCOUNT)
    changed = setting.change("new")
    setting.directory.forget(ACCOUNT)
    assert setting.directory.remembered(ACCOUNT) is None
    assert await setting.directory.account(ACCOUNT) is changed


async def test_forgetting_one_account_leaves_the_others() -> None:
    setting = Setting()
    await setting.directory.account(ACCOUNT)
    setting.directory.forget(RESELLER)
    assert setting.directory.remembered(ACCOUNT) is not None


async def test_all_can_be_forgotten_numbers_included() -> None:
    setting = Setting()
    setting.store.numbers["+1"] = ACCOUNT
    await setting.directory.account(ACCOUNT)
    await setting.directory.account_of_number("+1")
    setting.directory.forget_all()
    assert setting.directory.remembered(ACCOUNT) is None
    setting.store.numbers["+1"] = RESELLER
    assert await setting.directory.account_of_number("+1") == RESELLER


async def test_a_changed_webhook_has_its_account_forgotten() -> None:
    setting = Setting()
    await setting.directory.account(ACCOUNT)
    await setting.directory.account(RESELLER)
    setting.directory.forget_webhook("hook-1")
    assert setting.directory.remembered(ACCOUNT) is None
    assert setting.directory.remembered(RESELLER) is not None


async def test_a_webhook_nobody_knows_is_no_reason_to_forget() -> None:
    setting = Setting()
    await setting.directory.account(ACCOUNT)
    setting.directory.forget_webhook("unknown")
    assert setting.directory.remembered(ACCOUNT) is not None


async def test_a_webhook_that_left_an_account_has_its_new_account_forgotten() -> None:
    setting = Setting()
    await setting.directory.account(ACCOUNT)
    moved = make_webhook("hook-1", account_id=RESELLER)
    setting.store.accounts = {RESELLER: make_account(moved, account_id=RESELLER)}
    await setting.directory.account(RESELLER)
    setting.directory.forget(ACCOUNT)
    await setting.directory.account(ACCOUNT)

    setting.directory.forget_webhook("hook-1")

    assert setting.directory.remembered(RESELLER) is None


@in_virtual_time
async def test_an_account_that_changes_while_it_is_loaded_is_loaded_again() -> None:
    setting = Setting()
    store = Blocking()
    directory = RememberedDirectory(store, CachePolicy(), make_metrics(), lambda: 1000.0)
    store.accounts[ACCOUNT] = make_account(make_webhook("old"))
    loading = asyncio.create_task(directory.account(ACCOUNT))
    await settle()
    changed = store.accounts[ACCOUNT] = setting.change("new")
    directory.forget(ACCOUNT)
    store.may_answer.set()
    assert await loading is changed
    assert directory.remembered(ACCOUNT) is changed
    assert store.asked == [ACCOUNT, ACCOUNT]


@in_virtual_time
async def test_many_who_ask_at_once_cost_one_question() -> None:
    store = Blocking()
    directory = RememberedDirectory(store, CachePolicy(), make_metrics(), lambda: 1000.0)
    asking = [asyncio.create_task(directory.account(ACCOUNT)) for _ in range(50)]
    await settle()
    asking[0].cancel()
    await settle()
    store.may_answer.set()
    answers = await asyncio.gather(*asking[1:])
    assert answers == [Account(ACCOUNT)] * 49
    assert store.asked == [ACCOUNT]


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


async def test_the_least_recently_used_account_goes_where_there_are_too_many() -> None:
    setting = Setting(max_accounts=2)
    for account_id in ("a", "b"):
        await setting.directory.account(account_id)
    setting.directory.remembered("a")
    await setting.directory.account("c")
    known = [setting.directory.remembered(account_id) is not None for account_id in "abc"]
    assert known == [True, False, True]
    assert counted(setting.metrics, "accounts_remembered") == 2


async def test_an_account_that_went_takes_its_webhooks_along() -> None:
    setting = Setting(max_accounts=1)
    await setting.directory.account(ACCOUNT)
    await setting.directory.account(RESELLER)
    assert setting.directory._owners == {}


async def test_a_webhook_that_its_account_has_is_not_asked_for() -> None:
    setting = Setting()
    for _ in range(3):
        assert await setting.directory.webhook(ACCOUNT, "hook-1") == make_webhook()
    assert setting.store.asked == [ACCOUNT]


async def test_a_webhook_that_its_account_has_no_longer_is_asked_for() -> None:
    setting = Setting()
    await setting.directory.account(ACCOUNT)
    setting.store.accounts[ACCOUNT] = make_account()
    disabled = setting.store.webhooks["hook-1"] = make_webhook(enabled=False)
    setting.directory.forget(ACCOUNT)
    assert await setting.directory.webhook(ACCOUNT, "hook-1") is disabled
    del setting.store.webhooks["hook-1"]
    assert await setting.directory.webhook(ACCOUNT, "hook-1") is None


async def test_a_webhook_that_is_asked_for_is_bound_by_its_accounts_demands() -> None:
    setting = Setting()
    setting.store.accounts[ACCOUNT] = account_of(ACCOUNT, require_https=True)
    setting.store.webhooks["off"] = make_webhook("off", enabled=False)
    webhook = await setting.directory.webhook(ACCOUNT, "off")
    assert webhook is not None
    assert webhook.https_only


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


@pytest.mark.parametrize("owner", [ACCOUNT, None])
async def test_the_owner_of_a_number_is_remembered_for_as_long(owner: str | None) -> None:
    setting = Setting()
    if owner:
        setting.store.numbers["+1555"] = owner
    for _ in range(2):
        assert await setting.directory.account_of_number("+1555") == owner
    assert setting.store.asked == ["+1555"]

    setting.store.numbers["+1555"] = RESELLER
    setting.now += MAX_AGE_S
    assert await setting.directory.account_of_number("+1555") == RESELLER


async def test_a_number_cannot_be_told_while_the_store_is_away() -> None:
    setting = Setting()
    setting.store.failures = 1
    with pytest.raises(StoreUnavailable):
        await setting.directory.account_of_number("+1555")


@in_virtual_time
async def test_while_the_store_hangs_a_remembered_account_is_waited_for_once() -> None:
    store = Blocking()
    store.accounts[ACCOUNT] = make_account(make_webhook())
    store.may_answer.set()
    policy = CachePolicy(max_accounts=10, max_age_s=MAX_AGE_S)
    directory = RememberedDirectory(store, policy, make_metrics(), now)
    remembered = await directory.account(ACCOUNT)
    store.may_answer.clear()
    await asyncio.sleep(MAX_AGE_S + 1)
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
    store = Blocking()
    store.accounts[ACCOUNT] = make_account(make_webhook())
    store.may_answer.set()
    policy = CachePolicy(max_accounts=10, max_age_s=MAX_AGE_S)
    directory = RememberedDirectory(store, policy, make_metrics(), now)
    await directory.account(ACCOUNT)
    store.may_answer.clear()
    await asyncio.sleep(MAX_AGE_S + 1)
    await directory.account(ACCOUNT)
    changed = store.accounts[ACCOUNT] = make_account(make_webhook("new"))
    directory.forget(ACCOUNT)
    asked = asyncio.create_task(directory.account(ACCOUNT))
    await settle()
    store.may_answer.set()
    assert await asked is changed
