"""The number of partitions changes under load, and workers are killed before and after."""

import asyncio

from tests.chaos.rig import Rig


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
