import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from service.domain.delivery import Outcome, Response
from service.domain.disable import GONE, TOO_MANY_FAILURES, DisablePolicy
from service.pipeline.outcomes.disable import (
    TELL_EVERY_S,
    Disabler,
)
from tests.builders import ACCOUNT, make_account, make_attempt, make_webhook
from tests.dialects import DIALECTS
from tests.fakes import (
    FakeAnnouncer,
    FakeDirectory,
    FakeHealth,
    FakeStore,
    NotedDisables,
    counted,
    make_metrics,
)
from tests.virtual_time import in_virtual_time, now, settle

OK = make_attempt(Response(Outcome.SUCCEEDED, 200))
FAILED = make_attempt(Response(Outcome.BAD_STATUS, 500))
HONOURED_S = 3600.0


class Setting:
    def __init__(self, policy: DisablePolicy | None = None) -> None:
        self.health, self.announcer, self.metrics = FakeHealth(), FakeAnnouncer(), make_metrics()
        self.now = 1000.0
        self.store = FakeStore()
        self.noted = NotedDisables()
        self.disabler = Disabler(
            policy or DisablePolicy(),
            HONOURED_S,
            FakeDirectory(self.store),
            self.health,
            self.announcer,
            DIALECTS,
            self.metrics,
            self.noted,
            clock=lambda: self.now,
        )
        self.webhook = make_webhook("hook-1")

    async def fail(self, times: int, every_s: float = 1.0) -> None:
        """Fail, and have each failure told by itself."""
        for _ in range(times):
            self.fail_untold(1, every_s)
            await self.disabler.flush()

    def fail_untold(self, times: int, every_s: float = 1.0) -> None:
        for _ in range(times):
            self.disabler.note(self.webhook, FAILED)
            self.now += every_s

    async def succeed(self) -> None:
        self.disabler.note(self.webhook, OK)
        await self.disabler.flush()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.disabler.run())
        yield
        task.cancel()
        await asyncio.wait([task])


async def test_five_failures_do_not_disable_and_the_sixth_does_once() -> None:
    setting = Setting()
    await setting.fail(5)
    assert setting.health.disabled == {}
    await setting.fail(1)
    assert setting.health.disabled == {"hook-1": TOO_MANY_FAILURES}
    await setting.fail(3)
    assert setting.announcer.disabled == ["hook-1"]
    assert setting.noted == [("hook-1", TOO_MANY_FAILURES)]
    assert counted(setting.metrics, "webhooks_disabled_total") == 1


async def test_failures_that_are_told_together_count_as_those_told_singly() -> None:
    setting = Setting()
    setting.fail_untold(5)
    await setting.disabler.flush()
    assert setting.health.disabled == {}
    setting.fail_untold(1)
    await setting.disabler.flush()
    assert setting.health.disabled == {"hook-1": TOO_MANY_FAILURES}


async def test_all_webhooks_are_told_of_at_once() -> None:
    setting = Setting()
    for number in range(100):
        setting.disabler.note(make_webhook(f"hook-{number}"), FAILED)
    await setting.disabler.flush()
    await setting.disabler.flush()
    assert setting.health.told == [100]


@pytest.mark.parametrize("together", [1, 2, 5])
async def test_half_of_the_failures_that_disable_are_warned_of_once(together: int) -> None:
    setting = Setting()
    await setting.fail(2)
    assert counted(setting.metrics, "webhooks_warned_total") == 0
    for _ in range(3 // together or 1):
        setting.fail_untold(min(together, 3))
        await setting.disabler.flush()
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


async def test_a_success_between_failures_that_are_told_together_begins_the_count_anew() -> None:
    setting = Setting()
    setting.fail_untold(5)
    setting.disabler.note(setting.webhook, OK)
    setting.fail_untold(5)
    await setting.disabler.flush()
    assert setting.health.disabled == {}
    assert len(setting.health.failures["hook-1"]) == 5


async def test_a_success_of_a_webhook_that_did_not_fail_asks_the_store_nothing() -> None:
    setting = Setting()
    await setting.succeed()
    assert setting.health.told == []


async def test_a_success_here_counts_for_failures_in_another_worker() -> None:
    setting = Setting()
    setting.disabler.learn("hook-1")
    await setting.succeed()
    await setting.succeed()
    assert setting.health.forgotten == ["hook-1"]


async def test_410_gone_disables() -> None:
    setting = Setting()
    setting.disabler.note(setting.webhook, make_attempt(Response(Outcome.GONE, 410)))
    await setting.disabler.flush()
    assert setting.health.disabled == {"hook-1": GONE}
    assert setting.announcer.disabled == ["hook-1"]


@in_virtual_time
async def test_what_happened_is_told_a_few_times_a_second() -> None:
    setting = Setting()
    async with setting.running():
        setting.fail_untold(2, every_s=0.0)
        await asyncio.sleep(2 * TELL_EVERY_S)
        assert len(setting.health.failures["hook-1"]) == 2
        assert setting.health.told == [1]


@in_virtual_time
@pytest.mark.parametrize("gone", [True, False])
async def test_what_disables_by_itself_is_told_at_once(gone: bool) -> None:
    setting = Setting()
    async with setting.running():
        await settle()
        if gone:
            setting.disabler.note(setting.webhook, make_attempt(Response(Outcome.GONE, 410)))
        else:
            setting.fail_untold(6, every_s=0.0)
        await settle()
        assert now() == 0.0
        assert list(setting.health.disabled) == ["hook-1"]


@pytest.mark.parametrize(
    ("status", "retry_after_s", "counts"),
    [(429, 30.0, False), (429, HONOURED_S + 1, True), (429, None, True), (503, 30.0, True)],
)
async def test_a_receiver_that_asks_for_time_is_not_broken(
    status: int, retry_after_s: float | None, counts: bool
) -> None:
    setting = Setting()
    response = Response(Outcome.THROTTLED, status, retry_after_s=retry_after_s)
    for _ in range(20):
        setting.disabler.note(setting.webhook, make_attempt(response))
    await setting.disabler.flush()
    assert bool(setting.health.disabled) is counts
    assert bool(setting.health.told) is counts


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
        setting.disabler.note(setting.webhook, make_attempt(Response(Outcome.SHADOWED)))
    await setting.disabler.flush()
    assert setting.health.disabled == {}
    assert setting.health.forgotten == []
    await setting.fail(1)
    assert setting.health.disabled == {"hook-1": TOO_MANY_FAILURES}
