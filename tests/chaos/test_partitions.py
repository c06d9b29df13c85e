"""The number of partitions changes under load, and workers are killed before and after."""

import asyncio
import json
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from service.dev.receiver import Receiver
from tests.chaos.rig import Rig
from tests.chaos.tally import Stopwatch
from tests.e2e.harness import Switch, switch
from tests.e2e.legs import Leg

TAKEN_OVER_S = 2.0
CALLS, CALLS_EVERY_S = 200, 0.05
MORE: Mapping[str, Any] = {"destroyed": {"billing_s": 1}}
STEPS = {
    "created": "channel_create",
    "answered": "channel_answer",
    "bridged": "channel_bridge",
    "destroyed": "channel_destroy",
}


async def test_a_change_of_the_number_of_partitions_loses_nothing_though_workers_are_killed(
    rig: Rig,
) -> None:
    accounts = await rig.healthy(4)
    running = [await rig.service(), await rig.service()]
    load = rig.load(accounts)
    load.start(100)
    for count in (4, 2):
        await asyncio.sleep(1.5)
        await rig.kill(*running)
        more = {"SWITCHHOOK_AMQP__PARTITIONS": str(count)}
        first, second = await asyncio.gather(rig.service(**more), rig.service(**more))
        await asyncio.sleep(1.5)
        await rig.kill(first)
        running = [second]
    rig.partitions = 2
    await asyncio.sleep(1.5)
    await load.stop()
    await rig.verdict("1 → 4 → 2 partitions, 5 workers killed", bound=rig.repeatable(kills=5))


async def test_the_partitions_of_a_killed_worker_are_taken_over_within_two_seconds(
    rig: Rig,
) -> None:
    more = {"SWITCHHOOK_AMQP__PARTITIONS": "4"}
    rig.partitions = 4
    await rig.service(**more)
    victim = await rig.service(**more)
    load, before = await rig.under_load(await rig.healthy(4), 100, 3)
    with Stopwatch() as fault:
        await rig.kill(victim)
        await asyncio.sleep(2)
    await load.stop()
    await rig.verdict(
        "worker SIGKILL, one of two with 4 partitions",
        bound=rig.repeatable(kills=1),
        before=before,
        during=fault.span,
    )
    assert max(rig.tally.latencies(fault.span)) < TAKEN_OVER_S


async def test_the_events_of_a_call_keep_their_order_while_partitions_change_and_workers_die(
    rig: Rig,
) -> None:
    async with Receiver() as receiver, asyncio.TaskGroup() as tasks:
        account_id = await rig.account(receiver.url("/strict"), hook="all", ordering="call_strict")
        running = [await rig.service(), await rig.service()]
        calls = tasks.create_task(_calls(rig, account_id))
        for count in (4, 2):
            await asyncio.sleep(2)
            await rig.kill(*running)
            more = {"SWITCHHOOK_AMQP__PARTITIONS": str(count)}
            first, second = await asyncio.gather(rig.service(**more), rig.service(**more))
            await asyncio.sleep(2)
            await rig.kill(first)
            running = [second]
        made = await calls

        def arrived() -> dict[str, list[str]]:
            """The events of each call in the order in which they were first seen."""
            seen: dict[str, dict[str, None]] = defaultdict(dict)
            for request in receiver.at("/strict"):
                body = json.loads(request.body)
                seen[body["call_id"]][body["hook_event"]] = None
            return {call_id: [*hooks] for call_id, hooks in seen.items()}

        await receiver.until(lambda: sum(map(len, arrived().values())) >= made * len(STEPS), 60)
        wrong = {call: hooks for call, hooks in arrived().items() if hooks != [*STEPS.values()]}
    assert wrong == {}, f"{len(wrong)} of {made}"


async def _calls(rig: Rig, account_id: str) -> int:
    """Publish calls for as long as the partitions change; return how many."""
    async with switch(rig.amqp_url) as kazoo, asyncio.TaskGroup() as tasks:
        for number in range(CALLS):
            tasks.create_task(_call(kazoo, Leg(account_id, f"leg-{number}", f"call-{number}")))
            await asyncio.sleep(CALLS_EVERY_S)
    return CALLS


async def _call(kazoo: Switch, leg: Leg) -> None:
    for step in STEPS:
        await kazoo.publish(getattr(leg, step)(**MORE.get(step, {})))
        await asyncio.sleep(0.3)
