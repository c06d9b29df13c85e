"""Who waits for messages that the broker delivered again."""

import asyncio

from service.pipeline.progress import Progress
from service.pipeline.recovery.returned import Returned

LONG_S = 60.0


async def _begun(order: list[str], name: str, returned: Returned, progress: Progress) -> None:
    await returned.before(progress, LONG_S)
    order.append(name)


async def test_what_came_after_a_returned_message_waits_in_its_order() -> None:
    returned, order = Returned(), list[str]()
    first, second = Progress(), Progress()
    returned.add(first)
    returned.add(second)
    async with asyncio.TaskGroup() as tasks:
        for name in ("fresh", "fresher"):
            tasks.create_task(_begun(order, name, returned, Progress()))
        await asyncio.sleep(0)
        tasks.create_task(_begun(order, "second", returned, second))
        await asyncio.sleep(0)
        assert order == []
        returned.discard(first)
        await asyncio.sleep(0.01)
        assert order == ["second"]
        returned.discard(second)
    assert order == ["second", "fresh", "fresher"]


async def test_the_wait_ends_in_any_case() -> None:
    returned = Returned()
    returned.add(Progress())
    async with asyncio.timeout(1):
        await returned.before(Progress(), limit_s=0.01)


async def test_a_message_that_was_never_returned_may_be_discarded() -> None:
    returned = Returned()
    returned.discard(Progress())
    async with asyncio.timeout(1):
        await returned.before(Progress(), LONG_S)


async def test_the_end_of_one_that_waits_leaves_the_others_waiting() -> None:
    returned, order, old = Returned(), list[str](), Progress()
    returned.add(old)
    doomed = asyncio.create_task(_begun(order, "doomed", returned, Progress()))
    other = asyncio.create_task(_begun(order, "other", returned, Progress()))
    await asyncio.sleep(0)
    doomed.cancel()
    await asyncio.wait([doomed])
    assert not other.done()
    returned.discard(old)
    await other
    assert order == ["other"]
