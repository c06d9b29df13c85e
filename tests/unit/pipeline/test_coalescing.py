"""Bursts of events, of which a webhook may want the latest alone."""

import asyncio
from dataclasses import replace

from service.domain.event import Event
from service.domain.webhook import Webhook
from service.pipeline.coalescing import Bursts
from tests.builders import make_webhook
from tests.fakes import counted, make_metrics
from tests.virtual_time import in_virtual_time, now

PATIENT = replace(make_webhook(), coalesce_ms=1000)
EVENT = Event("e" * 32, "voipbin", "interim", "interim", "a", {}, burst_id="stream")


async def come(
    bursts: Bursts, *at_s: float, webhook: Webhook = PATIENT
) -> list[tuple[bool, float]]:
    """Have an event of the burst come at each time; return what became of it, and when."""

    async def one(after_s: float) -> tuple[bool, float]:
        await asyncio.sleep(after_s)
        latest = await bursts.is_latest(EVENT, webhook)
        return latest, round(now(), 3)

    return list(await asyncio.gather(*map(one, at_s)))


@in_virtual_time
async def test_only_the_latest_within_a_window_is_sent() -> None:
    metrics = make_metrics()
    found = await come(Bursts(metrics), 0.0, 0.1, 0.9, 1.5)
    assert found == [(False, 0.1), (False, 0.9), (True, 1.0), (True, 2.5)]
    assert counted(metrics, "deliveries_total", outcome="coalesced") == 2


@in_virtual_time
async def test_nothing_is_sent_after_the_end() -> None:
    bursts = Bursts(make_metrics())
    asyncio.get_running_loop().call_at(0.5, bursts.end, "stream")
    assert await come(bursts, 0.0, 0.6) == [(False, 0.5), (False, 0.6)]


@in_virtual_time
async def test_webhooks_do_not_take_each_others_place() -> None:
    bursts, other = Bursts(make_metrics()), replace(PATIENT, webhook_id="other", coalesce_ms=200)
    first, second = await asyncio.gather(come(bursts, 0.0), come(bursts, 0.1, webhook=other))
    assert (first, second) == ([(True, 1.0)], [(True, 0.3)])


@in_virtual_time
async def test_a_webhook_without_a_window_gets_every_event_at_once() -> None:
    bursts = Bursts(make_metrics())
    found = await come(bursts, 0.0, 0.1, webhook=make_webhook())
    assert found == [(True, 0.0), (True, 0.1)]


@in_virtual_time
async def test_nothing_is_remembered_of_a_burst_that_was_sent_or_cancelled() -> None:
    bursts = Bursts(make_metrics())
    await come(bursts, 0.0, 0.1)
    waiting = asyncio.create_task(bursts.is_latest(EVENT, PATIENT))
    await asyncio.sleep(0.1)
    waiting.cancel()
    await asyncio.wait([waiting])
    assert not bursts._open
