"""Nothing can be published for a minute, and one account in ten fails: the healthy do not wait."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from service.dev.receiver import Answer
from tests.chaos.arena import Arena
from tests.chaos.ledger import Stopwatch, p99
from tests.chaos.proxy import FAIR, Proxy, Weather

PER_S = 100
UNDELAYED_S = 1.0
PARKED = 'switchhook_messages_parked{lane="events"}'


async def cut(arena: Arena, proxy: Proxy) -> AsyncIterator[None]:
    """Cut the publishing connection again and again."""
    some = Weather(cut_after=lambda: arena.rng.randrange(200, 2_000), only=b"switchhook publish")
    proxy.set(some)
    yield
    proxy.set(FAIR)


async def hung(_: Arena, proxy: Proxy) -> AsyncIterator[None]:
    """Let nothing through on the publishing connection, and do not close it either."""
    proxy.set(Weather(black_hole=True, only=b"switchhook publish"))
    yield
    proxy.reset_all()
    proxy.set(FAIR)


async def alarm(arena: Arena, _: Proxy) -> AsyncIterator[None]:
    """Have the broker out of memory: it reads no connection that publishes."""
    await arena.broker.control("set_vm_memory_high_watermark", "absolute", "1MB")
    yield
    await arena.broker.control("set_vm_memory_high_watermark", "0.4")


TROUBLES: dict[str, Callable[[Arena, Proxy], AsyncIterator[None]]] = {
    "publishing connection cut again and again": cut,
    "publishing connection hung": hung,
    "broker memory alarm": alarm,
}


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", TROUBLES)
async def test_what_cannot_be_published_delays_no_healthy_endpoint(arena: Arena, name: str) -> None:
    if name != "publishing connection hung" and not arena.full:
        pytest.skip("in full length only")
    arena.sink.answer("/failing", lambda attempt: Answer(503 if attempt == 1 else 200))
    accounts = [*await arena.healthy(9), *await arena.healthy(1, "/failing")]
    proxy = await arena.proxy(arena.broker.port)
    service = await arena.service(SWITCHHOOK_AMQP__URL=arena.through(proxy))
    load, before = await arena.under_load(accounts, PER_S, 4)
    seconds = 60 if arena.full else 8
    with Stopwatch() as fault:
        async with asynccontextmanager(TROUBLES[name])(arena, proxy):
            await asyncio.sleep(seconds)
            metrics = await service.metrics()
    await asyncio.sleep(1)
    await load.stop()
    waited_s = p99(arena.ledger.latencies_from_confirm(fault.span, accounts[:9]))
    assert waited_s is not None
    row = await arena.verdict(
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
