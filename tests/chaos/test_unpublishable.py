"""Nothing can be published for a minute, and one account in ten fails: the healthy do not wait."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from service.dev.receiver import ScriptedAnswer
from tests.chaos.proxy import FAIR, Proxy, Weather
from tests.chaos.rig import Rig
from tests.chaos.tally import Stopwatch, p99

PER_S = 100
UNDELAYED_S = 1.0
PARKED = 'switchhook_messages_parked{lane="events"}'


async def cut(rig: Rig, proxy: Proxy) -> AsyncIterator[None]:
    """Cut the publishing connection again and again."""
    some = Weather(cut_after=lambda: rig.rng.randrange(200, 2_000), only=b"switchhook publish")
    proxy.set(some)
    yield
    proxy.set(FAIR)


async def hung(_: Rig, proxy: Proxy) -> AsyncIterator[None]:
    """Let nothing through on the publishing connection, and do not close it either."""
    proxy.set(Weather(black_hole=True, only=b"switchhook publish"))
    yield
    proxy.reset_all()
    proxy.set(FAIR)


async def alarm(rig: Rig, _: Proxy) -> AsyncIterator[None]:
    """Have the broker out of memory: it reads no connection that publishes."""
    await rig.broker.control("set_vm_memory_high_watermark", "absolute", "1MB")
    yield
    await rig.broker.control("set_vm_memory_high_watermark", "0.4")


TROUBLES: dict[str, Callable[[Rig, Proxy], AsyncIterator[None]]] = {
    "publishing connection cut again and again": cut,
    "publishing connection hung": hung,
    "broker memory alarm": alarm,
}


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", TROUBLES)
async def test_what_cannot_be_published_delays_no_healthy_endpoint(rig: Rig, name: str) -> None:
    if name != "publishing connection hung" and not rig.full:
        pytest.skip("in full length only")
    rig.sink.answer("/failing", lambda attempt: ScriptedAnswer(503 if attempt == 1 else 200))
    accounts = [*await rig.healthy(9), *await rig.healthy(1, "/failing")]
    proxy = await rig.proxy(rig.broker.port)
    service = await rig.service(SWITCHHOOK_AMQP__URL=rig.through(proxy))
    load, before = await rig.under_load(accounts, PER_S, 4)
    seconds = 60 if rig.full else 8
    with Stopwatch() as fault:
        async with asynccontextmanager(TROUBLES[name])(rig, proxy):
            await asyncio.sleep(seconds)
            metrics = await service.metrics()
    await asyncio.sleep(1)
    await load.stop()
    waited_s = p99(rig.tally.latencies_from_confirm(fault.span, accounts[:9]))
    assert waited_s is not None
    row = await rig.verdict(
        f"{name} for {seconds} s, one in ten failing",
        120,
        bound=seconds * PER_S // 10,
        before=before,
        during=fault.span,
        healthy=accounts[:9],
        note=(
            f"{metrics[PARKED]:.0f} messages parked at its end; p99 from the broker's confirm "
            f"{waited_s * 1000:.0f} ms"
        ),
    )
    # Under an alarm the broker takes no events either: what waits there does not wait for us.
    assert waited_s <= UNDELAYED_S, row
