import asyncio

import pytest

from service.domain.policy import CachePolicy
from service.domain.webhook import Account, Webhook, account_of
from service.pipeline.accounts.directory import RememberedDirectory
from tests.builders import ACCOUNT, RESELLER, make_account, make_webhook
from tests.fakes import FakeStore, counted, make_metrics
from tests.unit.adapters.directory_parts import MAX_AGE_S, Blocking, Setting
from tests.virtual_time import in_virtual_time, settle


async def test_an_account_is_asked_for_once() -> None:
    setting = Setting()
    directory = setting.directory
    assert directory.remembered(ACCOUNT) is None
    account = await directory.account(ACCOUNT)
    assert directory.remembered(ACCOUNT) is account
    assert await directory.account(ACCOUNT) is account
    assert setting.store.asked == [ACCOUNT]
    assert counted(setting.metrics, "accounts_remembered") == 1


@pytest.mark.parametrize("stale", [False, True])
@pytest.mark.parametrize("passes", range(6))
async def test_who_comes_while_an_account_arrives_goes_on_after_those_who_waited(
    passes: int, stale: bool
) -> None:
    store, went_on = Blocking(), list[int]()
    store.may_answer.set()
    directory = RememberedDirectory(store, CachePolicy(), make_metrics(), lambda: 1000.0)
    if stale:
        await directory.account(ACCOUNT)
        directory.forget(ACCOUNT)
    store.may_answer.clear()

    async def event(number: int) -> None:
        if directory.at_once(ACCOUNT) is None:
            await directory.account(ACCOUNT)
        went_on.append(number)

    tasks = [asyncio.create_task(event(number)) for number in range(3)]
    await settle()
    store.may_answer.set()
    for number in range(3, 3 + passes):
        await asyncio.sleep(0)
        tasks.append(asyncio.create_task(event(number)))
    await asyncio.gather(*tasks)
    assert went_on == list(range(3 + passes))
    assert directory.remembered(ACCOUNT) is not None


async def test_an_account_is_known_while_those_who_waited_for_it_go_on() -> None:
    store = Blocking()
    store.accounts[ACCOUNT] = make_account(make_webhook("known"))
    directory = RememberedDirectory(store, CachePolicy(), make_metrics(), lambda: 1000.0)
    waiting = [asyncio.create_task(directory.account(ACCOUNT)) for _ in range(3)]
    await settle()
    store.may_answer.set()
    for _ in range(6):
        await asyncio.sleep(0)
        if directory.remembered(ACCOUNT) is not None:
            break
    # Else a delivery that compares its webhook would wait behind the others, again and again.
    assert directory.at_once(ACCOUNT) is None
    looked_up = directory.webhook(ACCOUNT, "known")
    with pytest.raises(StopIteration):
        looked_up.send(None)
    await asyncio.gather(*waiting)
    assert directory.at_once(ACCOUNT) is not None


async def test_accounts_are_remembered_by_bytes_and_the_longest_unused_one_goes() -> None:
    store = FakeStore()
    for number in range(10):
        ids = [f"{number}-{one}" for one in range(20)]
        large = [make_webhook(one, custom_data={"x": "y" * 20_000 + one}) for one in ids]
        store.accounts[f"a{number}"] = make_account(*large, account_id=f"a{number}")
    policy = CachePolicy(max_bytes=2_000_000)
    directory = RememberedDirectory(store, policy, make_metrics(), lambda: 1000.0)
    for number in range(4):
        await directory.account(f"a{number}")
        assert directory.remembered("a0") is not None
    await directory.account("a4")
    kept = [number for number in range(10) if directory.remembered(f"a{number}")]
    assert kept == [0, 2, 3, 4]


async def test_an_account_that_is_larger_than_the_cache_is_remembered_all_the_same() -> None:
    store = FakeStore()
    large = make_webhook(custom_data={"x": "y" * 3_000_000})
    for account_id in ("a", "b"):
        store.accounts[account_id] = make_account(large, account_id=account_id)
    policy = CachePolicy(max_bytes=2_000_000)
    directory = RememberedDirectory(store, policy, make_metrics(), lambda: 1000.0)
    for account_id in ("a", "b"):
        await directory.account(account_id)
        assert directory.remembered(account_id) is not None
    assert directory.remembered("a") is None


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
    setting.directory.forget_webhook("hook-1")
    assert await setting.directory.webhook(ACCOUNT, "hook-1") is None


@pytest.mark.parametrize("kept", [make_webhook("off", enabled=False), None])
async def test_a_disabled_or_deleted_webhook_is_asked_for_once(kept: Webhook | None) -> None:
    setting = Setting()
    if kept is not None:
        setting.store.webhooks["off"] = kept
    for _ in range(3):
        assert await setting.directory.webhook(ACCOUNT, "off") == kept
    assert setting.store.asked == [ACCOUNT, "off"]


@pytest.mark.parametrize("told", [True, False])
async def test_it_is_asked_for_again_when_it_changes_and_after_a_while(*, told: bool) -> None:
    setting = Setting()
    setting.store.webhooks["off"] = make_webhook("off", enabled=False)
    assert await setting.directory.webhook(ACCOUNT, "off") is not None
    del setting.store.webhooks["off"]
    assert await setting.directory.webhook(ACCOUNT, "off") is not None
    if told:
        setting.directory.forget_webhook("off")
    else:
        setting.now += MAX_AGE_S + 1
    assert await setting.directory.webhook(ACCOUNT, "off") is None


@pytest.mark.parametrize("gap", [True, False])
async def test_a_change_while_it_is_asked_for_is_not_missed(*, gap: bool) -> None:
    class Overtaken(FakeStore):
        async def webhook(self, webhook_id: str) -> Webhook | None:
            found = await super().webhook(webhook_id)
            self.webhooks[webhook_id] = make_webhook(webhook_id, enabled=False)
            directory.forget_all() if gap else directory.forget_webhook(webhook_id)
            return found

    store = Overtaken(accounts={ACCOUNT: make_account()})
    directory = RememberedDirectory(store, CachePolicy(), make_metrics())
    assert await directory.webhook(ACCOUNT, "off") is None
    assert await directory.webhook(ACCOUNT, "off") == make_webhook("off", enabled=False)


async def test_a_deletion_that_was_told_counts_before_the_account_is_loaded_again() -> None:
    setting = Setting()
    await setting.directory.account(ACCOUNT)
    assert not setting.directory.is_deleted("hook-1")
    setting.directory.note_deleted("hook-1")
    assert setting.directory.is_deleted("hook-1")
    assert await setting.directory.webhook(ACCOUNT, "hook-1") is None


@pytest.mark.parametrize("gap", [True, False])
async def test_a_webhook_that_comes_back_is_deleted_no_longer(*, gap: bool) -> None:
    setting = Setting()
    setting.directory.note_deleted("hook-1")
    setting.directory.forget_all() if gap else setting.directory.forget_webhook("hook-1")
    assert not setting.directory.is_deleted("hook-1")
    assert await setting.directory.webhook(ACCOUNT, "hook-1") == make_webhook()


async def test_a_disabled_webhook_is_not_deleted() -> None:
    setting = Setting()
    setting.store.webhooks["off"] = make_webhook("off", enabled=False)
    await setting.directory.webhook(ACCOUNT, "off")
    assert not setting.directory.is_deleted("off")


async def test_a_webhook_that_is_enabled_again_is_not_remembered_as_disabled() -> None:
    setting = Setting()
    setting.store.webhooks["on"] = make_webhook("on")
    for _ in range(2):
        assert await setting.directory.webhook(ACCOUNT, "on") == make_webhook("on")
    assert setting.store.asked == [ACCOUNT, "on", "on"]


async def test_a_webhook_that_is_asked_for_is_bound_by_its_accounts_demands() -> None:
    setting = Setting()
    setting.store.accounts[ACCOUNT] = account_of(ACCOUNT, require_https=True)
    setting.store.webhooks["off"] = make_webhook("off", enabled=False)
    webhook = await setting.directory.webhook(ACCOUNT, "off")
    assert webhook is not None
    assert webhook.https_only


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
