import asyncio
from dataclasses import replace

import pytest

from service.domain.delivery import Outcome, Response
from service.domain.disable import GONE, TOO_MANY_FAILURES, DisablePolicy
from service.pipeline.disable import SOON_S, Disabler
from tests.builders import ACCOUNT, make_account, make_attempt, make_webhook
from tests.fakes import FakeAnnouncer, FakeDirectory, FakeHealth, FakeStore, counted, make_metrics
from tests.virtual_time import in_virtual_time, now

OK = make_attempt(Response(Outcome.SUCCEEDED, 200))
FAILED = make_attempt(Response(Outcome.BAD_STATUS, 500))


class Setting:
    def __init__(self, policy: DisablePolicy | None = None) -> None:
        self.health, self.announcer, self.metrics = FakeHealth(), FakeAnnouncer(), make_metrics()
        self.now = 1000.0
        self.store = FakeStore()
        self.disabler = Disabler(
            policy or DisablePolicy(),
            FakeDirectory(self.store),
            self.health,
            self.announcer,
            self.metrics,
            clock=lambda: self.now,
        )
        self.webhook = make_webhook("hook-1")

    async def fail(self, times: int, every_s: float = 1.0) -> None:
        for _ in range(times):
            await self.disabler.note(self.webhook, FAILED)
            self.now += every_s

    async def succeed(self) -> None:
        await self.disabler.note(self.webhook, OK)


async def test_five_failures_do_not_disable_and_the_sixth_does_once() -> None:
    setting = Setting()
    await setting.fail(5)
    assert setting.health.disabled == {}
    await setting.fail(1)
    assert setting.health.disabled == {"hook-1": TOO_MANY_FAILURES}
    await setting.fail(3)
    assert setting.announcer.disabled == ["hook-1"]
    assert counted(setting.metrics, "webhooks_disabled_total") == 1


async def test_half_of_the_failures_that_disable_are_warned_of_once() -> None:
    setting = Setting()
    await setting.fail(2)
    assert counted(setting.metrics, "webhooks_warned_total") == 0
    await setting.fail(3)
    assert counted(setting.metrics, "webhooks_warned_total") == 1


async def test_an_account_may_have_a_rule_of_its_own() -> None:
    setting = Setting()
    rule = DisablePolicy(failure_count=2, window_s=10.0)
    setting.store.accounts[ACCOUNT] = replace(make_account(), disable=rule)
    await setting.fail(2, every_s=11.0)
    assert setting.health.disabled == {}
    await setting.fail(2)
    assert setting.health.disabled == {"hook-1": TOO_MANY_FAILURES}


async def test_a_slow_trickle_of_failures_does_not_disable() -> None:
    setting = Setting()
    await setting.fail(50, every_s=12.0)
    assert setting.health.disabled == {}


async def test_a_success_in_between_begins_the_count_anew() -> None:
    setting = Setting()
    await setting.fail(5)
    await setting.succeed()
    await setting.fail(5)
    assert setting.health.disabled == {}


async def test_a_success_of_a_webhook_that_did_not_fail_asks_the_store_nothing() -> None:
    setting = Setting()
    await setting.succeed()
    assert setting.health.forgotten == []


async def test_a_success_here_counts_for_failures_in_another_worker() -> None:
    setting = Setting()
    setting.disabler.learn("hook-1")
    await setting.succeed()
    await setting.succeed()
    assert setting.health.forgotten == ["hook-1"]


@in_virtual_time
async def test_attempts_of_one_webhook_are_counted_in_the_order_they_ended() -> None:
    setting = Setting()
    setting.health.takes_s = 0.1  # a failure; a success takes no time, and must not overtake it
    notes = [setting.disabler.note(setting.webhook, made) for made in (FAILED, OK, FAILED)]
    await asyncio.gather(*notes)
    assert len(setting.health.failures["hook-1"]) == 1
    assert setting.health.forgotten == ["hook-1"]


@in_virtual_time
async def test_successes_of_one_moment_are_told_once() -> None:
    setting = Setting()
    await setting.fail(1)
    await asyncio.gather(*(setting.succeed() for _ in range(20)))
    assert setting.health.forgotten == ["hook-1"]


async def test_a_success_that_could_not_be_told_is_told_by_the_next() -> None:
    setting = Setting()
    await setting.fail(1)
    setting.health.away = True
    await setting.succeed()
    setting.health.away = False
    setting.now += 5.0
    await setting.succeed()
    assert setting.health.forgotten == ["hook-1"]


async def test_410_gone_disables_at_once() -> None:
    setting = Setting()
    await setting.disabler.note(setting.webhook, make_attempt(Response(Outcome.GONE, 410)))
    assert setting.health.disabled == {"hook-1": GONE}
    assert setting.announcer.disabled == ["hook-1"]


async def test_while_the_store_is_away_nothing_is_counted_and_nothing_raised() -> None:
    setting = Setting()
    setting.health.away = True
    await setting.fail(10)
    assert setting.health.disabled == {}
    # It is asked again after a while, not by every attempt.
    setting.health.away = False
    setting.now += 4.0
    await setting.fail(6)
    assert setting.health.disabled == {"hook-1": TOO_MANY_FAILURES}


@in_virtual_time
async def test_a_slow_store_holds_up_one_delivery_for_a_moment_and_counts_it_all_the_same() -> None:
    setting = Setting(DisablePolicy(failure_count=1))
    setting.health.takes_s = 2.0
    await setting.fail(3)
    assert now() == SOON_S
    await asyncio.sleep(10)
    assert setting.health.disabled == {"hook-1": TOO_MANY_FAILURES}


@in_virtual_time
async def test_a_burst_of_one_webhooks_failures_does_not_make_the_store_seem_slow() -> None:
    setting = Setting(DisablePolicy(failure_count=100))
    setting.health.takes_s = SOON_S / 4
    notes = [setting.disabler.note(setting.webhook, FAILED) for _ in range(20)]
    await asyncio.gather(*notes)
    assert now() == SOON_S
    await asyncio.sleep(10)
    await setting.fail(1)
    assert len(setting.health.failures["hook-1"]) == 21


async def test_a_store_that_is_away_is_not_asked_by_every_attempt() -> None:
    setting = Setting()
    setting.health.away = True
    await setting.fail(1, every_s=0.0)
    setting.health.away = False
    await setting.fail(6, every_s=0.5)
    assert setting.health.failures == {}


@pytest.mark.parametrize(
    ("failures", "exceeded"),
    [([], False), ([1, 2], False), ([41, 50, 99], True), ([40, 50, 99], False)],
)
def test_only_failures_within_the_window_count(failures: list[float], exceeded: bool) -> None:
    policy = DisablePolicy(failure_count=3, window_s=60)
    assert policy.exceeded(failures, 100) is exceeded


async def test_attempts_that_were_not_made_count_for_nothing() -> None:
    setting = Setting(DisablePolicy(failure_count=2))
    await setting.fail(1)
    for _ in range(3):
        shadowed = make_attempt(Response(Outcome.SHADOWED))
        await setting.disabler.note(setting.webhook, shadowed)
    assert setting.health.disabled == {}
    assert setting.health.forgotten == []
    await setting.fail(1)
    assert setting.health.disabled == {"hook-1": TOO_MANY_FAILURES}
