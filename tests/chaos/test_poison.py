"""A message that kills whoever takes it."""

import asyncio
import os
import signal
from contextlib import suppress

import pytest

from service.domain.errors import SwitchhookError
from tests.chaos.arena import PREFETCH, Arena
from tests.chaos.ledger import Stopwatch
from tests.chaos.sink import Seen, call_id_in
from tests.e2e.harness import depth, eventually, take_messages

LIMIT = 20
"""The delivery limit of our queues; the subset lowers it by policy, as an operator could."""
SUBSET_LIMIT = 3


@pytest.mark.timeout(600)
async def test_poison_that_kills_its_worker_again_and_again_ends_in_the_rejected_queue(
    arena: Arena,
) -> None:
    limit = LIMIT if arena.full else SUBSET_LIMIT
    if not arena.full:
        await arena.broker.control(
            "set_policy", "-p", arena.vhost, "limit", "^switchhook", f'{{"delivery-limit":{limit}}}'
        )
    accounts = await arena.healthy(5)
    poison = await arena.account(await arena.sink.url("127.5.0.1", "/poison"))
    service = await arena.service()
    kills = 0

    def kill(seen: Seen) -> None:
        nonlocal kills
        if seen.path == "/poison":
            kills += 1
            os.killpg(service.pid, signal.SIGKILL)
            died.set()

    died = asyncio.Event()
    arena.sink.on_request = kill
    load, before = await arena.under_load(accounts, 20, 2)
    with Stopwatch() as fault:
        await arena.load([poison], "poison").publish(1)
        while not await depth(arena.amqp_url, "switchhook.rejected"):
            async with asyncio.timeout(30):
                await died.wait()
            died.clear()
            await service.kill()
            if kills <= limit:
                # The poison may come, and kill it, before it is ready.
                with suppress(SwitchhookError):
                    await service.start()
            else:
                await eventually(lambda: depth(arena.amqp_url, "switchhook.rejected"), 20)
        # The last time may have been during the look at the queue.
        await service.kill()
        await service.start()
    await load.stop()
    count = await depth(arena.amqp_url, "switchhook.rejected")
    parked = [
        _call_of(message.body)
        for message in await take_messages(arena.amqp_url, "switchhook.rejected", count)
    ]
    # The dead letter of the poison is the message itself; it was never answered with success.
    arena.sink.seen = [seen for seen in arena.sink.seen if seen.path != "/poison"]
    await arena.ledger.until_settled(10, accounts)
    row = await arena.ledger.verdict(
        f"poison: kills its worker {kills} times (delivery limit {limit})",
        bound=kills * PREFETCH,
        before=before,
        during=fault.span,
        healthy=accounts,
        parked=parked,
        note=f"in switchhook.rejected: the poison and {len(parked) - 1} that were held with it",
    )
    arena.judge(row)
    assert kills == limit + 1
    assert "poison-1" in parked


def _call_of(body: bytes) -> str:
    """Return the call of a switch's message."""
    return call_id_in(body.replace(b'"Call-ID"', b'"call_id"'))
