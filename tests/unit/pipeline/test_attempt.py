"""Attempts that fail wait for their turn, so that thousands at once delay nobody else."""

import asyncio
from dataclasses import replace

from service.domain.delivery import Attempt, DeferReason, Outcome, Response
from service.pipeline.attempt import Attempter
from service.pipeline.limits.lines import Place
from service.pipeline.limits.turns import Rounds
from service.pipeline.progress import Progress
from service.pipeline.request.destination import owed_of
from tests.builders import make_delivery, make_webhook
from tests.unit.pipeline.parts import Parts
from tests.virtual_time import in_virtual_time, settle

TIMED_OUT = Response(Outcome.TIMED_OUT, detail="no answer in 30 s")


class Never(Rounds):
    """Turns that never come."""

    async def turn(self) -> None:
        await asyncio.get_running_loop().create_future()


@in_virtual_time
async def test_a_time_out_waits_for_its_turn_unless_somebody_waits_for_it() -> None:
    parts = Parts()
    parts.sender.responses = [TIMED_OUT]
    attempter = replace(parts.deliverer.attempter, time_outs=Never(1))
    waiting = asyncio.create_task(_attempt(attempter, parts))
    urgent = asyncio.create_task(_attempt(attempter, parts, urgent=True))
    await settle()
    assert not waiting.done()
    made = urgent.result()
    assert isinstance(made, Attempt)
    assert made.response == TIMED_OUT
    waiting.cancel()


@in_virtual_time
async def test_other_failures_do_not_wait_for_time_outs() -> None:
    parts = Parts()
    parts.sender.responses = [Response(Outcome.BAD_STATUS, 500)]
    attempter = replace(parts.deliverer.attempter, time_outs=Never(1))
    assert isinstance(await _attempt(attempter, parts), Attempt)


async def _attempt(
    attempter: Attempter, parts: Parts, *, urgent: bool = False
) -> Attempt | DeferReason | None:
    delivery, webhook = make_delivery(), make_webhook()
    owed = owed_of(delivery, webhook)
    place = attempter.enter(owed, parts.places, Progress())
    assert isinstance(place, Place)
    content = parts.shared(delivery).content
    return await attempter.attempt(owed, content, parts.places, place, urgent=urgent)
