"""A message that kills whoever takes it."""

import asyncio
import os
import signal
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Self

import pytest

from service.dev.process import ServiceProcess
from service.domain.errors import SwitchhookError
from service.pipeline.recovery.suspects import FIRST_REST_S
from service.settings.model import AmqpSettings
from tests.chaos.owners import TwoWorkers, connected_to
from tests.chaos.report import Row
from tests.chaos.rig import PREFETCH, Rig
from tests.chaos.sink import Seen, call_id_in
from tests.chaos.tally import Stopwatch
from tests.e2e.harness import depth, eventually, take_messages

REJECTED = "switchhook.rejected"
HOST, PATH = "127.5.0.1", "/poison"
POISON_AFTER = AmqpSettings().poison_after
HEALTHY_P99_S = 2.0
TWO_WORKERS_P99_S = FIRST_REST_S + 0.1
"""In full length where another worker goes on. The broker hands about one event to each connection
whose worker was just killed; such an event rests, and these are more than one in a hundred."""
STARTS_WAITED_FOR = 1.5
"""One, and the catching up; not two."""
ALONE_S = 6.0
"""By then the supervisor has a spare process, as it has nearly always."""
BROKERS_LIMIT = 3
"""The delivery limit of our queues is 20; a policy lowers it, as an operator could."""


@pytest.mark.timeout(600)
async def test_poison_ends_in_the_rejected_queue_while_one_process_is_started_again_and_again(
    rig: Rig,
) -> None:
    """Each kill costs the healthy a start, which is importing for the most part, and no more."""
    service = await rig.service()
    async with KeptRunning(service) as kept:
        row, kills = await poisoned(rig, "one process", kept.kill)
    assert kills <= POISON_AFTER + 1
    assert row.p99_s is not None
    assert row.p99_s <= max(HEALTHY_P99_S, STARTS_WAITED_FOR * kept.longest_start_s)


@pytest.mark.timeout(600)
async def test_poison_ends_in_the_rejected_queue_while_a_supervisor_starts_its_workers_again(
    rig: Rig,
) -> None:
    service = await rig.start(TwoWorkers, {})

    def kill() -> None:
        for pid in connected_to(HOST, rig.sink.port, service.workers()):
            os.kill(pid, signal.SIGKILL)

    row, kills = await poisoned(rig, "two workers", kill)
    assert kills <= POISON_AFTER + 1
    assert row.p99_s is not None
    assert row.p99_s <= (TWO_WORKERS_P99_S if rig.full else HEALTHY_P99_S), row


@pytest.mark.timeout(600)
@pytest.mark.long
async def test_the_broker_moves_a_poison_away_that_no_worker_gives_up(rig: Rig) -> None:
    limit = f'{{"delivery-limit":{BROKERS_LIMIT}}}'
    await rig.broker.control("set_policy", "-p", rig.vhost, "limit", "^switchhook", limit)
    service = await rig.service()
    name = f"one process, the broker's limit at {BROKERS_LIMIT}"
    async with KeptRunning(service) as kept:
        _, kills = await poisoned(rig, name, kept.kill, alone=False)
    assert kills == BROKERS_LIMIT + 1


class KeptRunning:
    """Starts the service again whenever `kill` was called; notes the longest start."""

    def __init__(self, service: ServiceProcess) -> None:
        self.longest_start_s = 0.0
        self._service = service
        self._died = asyncio.Event()
        self._starting: asyncio.Task[None] | None = None

    def kill(self) -> None:
        """Kill the service."""
        os.killpg(self._service.pid, signal.SIGKILL)
        self._died.set()

    async def __aenter__(self) -> Self:
        self._starting = asyncio.create_task(self._start_again())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._starting is not None:
            self._starting.cancel()
            with suppress(asyncio.CancelledError):
                await self._starting

    async def _start_again(self) -> None:
        while True:
            await self._died.wait()
            self._died.clear()
            await self._service.kill()
            # The poison may come, and kill it, before it is ready.
            with suppress(SwitchhookError), Stopwatch() as start:
                await self._service.start()
            self.longest_start_s = max(self.longest_start_s, start.span.end - start.span.start)


async def poisoned(
    rig: Rig, name: str, kill: Callable[[], None], *, alone: bool = True
) -> tuple[Row, int]:
    """Publish poison under load until it stands in the rejected queue; return row and kills.

    It must stand there `alone`, without any of the messages that were held with it.
    """
    accounts = await rig.healthy(5)
    poison = await rig.account(await rig.sink.url(HOST, PATH))
    kills = 0

    def strike(seen: Seen) -> None:
        nonlocal kills
        if seen.path == PATH:
            kills += 1
            kill()

    rig.sink.on_request = strike
    load, before = await rig.under_load(accounts, 50 if rig.full else 20, ALONE_S)
    with Stopwatch() as fault:
        await rig.load([poison], "poison").publish(1)
        await eventually(lambda: depth(rig.amqp_url, REJECTED), 120, "the end of the poison")
    await asyncio.sleep(1)
    await load.stop()
    parked = await _calls_in_rejected(rig)
    # The dead letter of the poison is the message itself; it was never answered with success.
    rig.sink.seen = [seen for seen in rig.sink.seen if seen.path != PATH]
    await rig.tally.until_settled(10, accounts)
    row = await rig.tally.verdict(
        f"poison: kills {kills} times, {name}",
        bound=kills * PREFETCH,
        before=before,
        during=fault.span,
        healthy=accounts,
        parked=parked,
        note=f"in {REJECTED}: the poison and {len(parked) - 1} that were held with it",
    )
    rig.judge(row)
    assert "poison-1" in parked
    assert len(parked) == 1 or not alone
    return row, kills


async def _calls_in_rejected(rig: Rig) -> Sequence[str]:
    count = await depth(rig.amqp_url, REJECTED)
    messages = await take_messages(rig.amqp_url, REJECTED, count)
    return [_call_of(message.body) for message in messages]


def _call_of(body: bytes) -> str:
    """Return the call of a switch's message."""
    return call_id_in(body.replace(b'"Call-ID"', b'"call_id"'))
