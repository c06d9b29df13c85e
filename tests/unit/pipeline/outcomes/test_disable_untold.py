import asyncio
from collections.abc import Sequence

import pytest

from service.domain.disable import TOO_MANY_FAILURES, DisablePolicy, HealthReport
from service.domain.errors import StoreUnavailable
from service.pipeline.outcomes.disable import (
    MOST_FAILURES,
    MOST_PENDING,
    STORE_AWAY_S,
    TELL_EVERY_S,
)
from tests.builders import make_webhook
from tests.fakes import FakeHealth
from tests.unit.pipeline.outcomes.test_disable import FAILED, OK, Setting
from tests.virtual_time import in_virtual_time


async def test_what_could_not_be_told_is_told_later_before_what_came_after() -> None:
    setting = Setting()
    setting.fail_untold(3)
    setting.health.away = True
    with pytest.raises(StoreUnavailable):
        await setting.disabler.flush()
    setting.fail_untold(3)
    setting.health.away = False
    await setting.disabler.flush()
    assert setting.health.failures["hook-1"] == [1000.0 + n for n in range(6)]
    assert setting.health.disabled == {"hook-1": TOO_MANY_FAILURES}


async def test_a_success_after_what_could_not_be_told_makes_it_void() -> None:
    setting = Setting()
    setting.fail_untold(5)
    setting.health.away = True
    with pytest.raises(StoreUnavailable):
        await setting.disabler.flush()
    setting.disabler.note(setting.webhook, OK)
    setting.health.away = False
    await setting.fail(5)
    assert setting.health.disabled == {}


@in_virtual_time
async def test_a_store_that_is_away_is_left_alone_for_a_while() -> None:
    setting = Setting(DisablePolicy(failure_count=100))
    setting.health.away = True
    async with setting.running():
        setting.fail_untold(1, every_s=0.0)
        await asyncio.sleep(2 * TELL_EVERY_S)
        setting.health.away = False
        await asyncio.sleep(STORE_AWAY_S - 3 * TELL_EVERY_S)
        assert setting.health.told == []
        await asyncio.sleep(5 * TELL_EVERY_S)
        assert setting.health.told == [1]


async def test_what_waits_to_be_told_is_bounded() -> None:
    setting = Setting()
    for number in range(MOST_PENDING + 10):
        setting.disabler.note(make_webhook(f"hook-{number}"), FAILED)
    await setting.disabler.flush()
    assert setting.health.told == [MOST_PENDING]
    assert "hook-9" not in setting.health.failures


@pytest.mark.parametrize(("more", "disabled"), [(5, False), (6, True)])
async def test_a_success_while_the_store_did_not_answer_makes_what_was_before_it_void(
    more: int,
    disabled: bool,
) -> None:
    class Away(FakeHealth):
        async def tell(self, reports: Sequence[HealthReport]) -> dict[str, list[float]]:
            if self.away:
                setting.disabler.note(setting.webhook, OK)
            return await super().tell(reports)

    setting = Setting()
    setting.health = setting.disabler._health = Away()
    setting.health.away = True
    setting.fail_untold(5)
    with pytest.raises(StoreUnavailable):
        await setting.disabler.flush()
    setting.health.away = False
    setting.fail_untold(more)
    await setting.disabler.flush()
    assert ("hook-1" in setting.health.disabled) == disabled
    assert setting.health.forgotten == ["hook-1"]


async def test_the_failures_of_a_webhook_that_wait_to_be_told_are_bounded() -> None:
    setting = Setting()
    setting.fail_untold(MOST_FAILURES + 5)
    (pending,) = setting.disabler._pending.values()
    assert len(pending.failures) == MOST_FAILURES
    assert pending.failures[-1] == setting.now - 1
