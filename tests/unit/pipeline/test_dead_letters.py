import asyncio
from collections.abc import Sequence

import pytest

from service.domain.delivery import DeadLetter
from service.domain.errors import RejectedMessage
from service.pipeline.dead_letters import MOST_TOGETHER, DeadLetterWork
from service.pipeline.envelope import seal, seal_letters
from service.pipeline.progress import Progress
from tests.builders import make_delivery, make_letter
from tests.fakes import FakeLog, incoming
from tests.unit.pipeline.parts import Parts
from tests.virtual_time import in_virtual_time, now, settle


@in_virtual_time
async def test_a_dead_letter_is_filed_as_it_is() -> None:
    parts = Parts()
    await parts.dead_letter_work(incoming(seal_letters([make_letter()])), Progress())
    assert parts.log.letters == [make_letter()]


@in_virtual_time
async def test_a_dead_letter_is_held_while_the_store_is_away() -> None:
    parts = Parts()
    parts.log.failures = 2
    await parts.dead_letter_work(incoming(seal_letters([make_letter()])), Progress())
    assert parts.log.letters == [make_letter()]
    assert round(now(), 6) == 0.6


@pytest.mark.parametrize("body", [b"noise", b"{}", seal([make_delivery()])])
@in_virtual_time
async def test_what_is_no_dead_letter_is_rejected(body: bytes) -> None:
    parts = Parts()
    with pytest.raises(RejectedMessage):
        await parts.dead_letter_work(incoming(body), Progress())
    assert parts.log.letters == []


class Noted(FakeLog):
    """Notes how many letters each write had; a write takes a second; `refused` fails for good."""

    refused: str | None = None

    async def file(self, letters: Sequence[DeadLetter]) -> None:
        self.batches.append(len(letters))
        await asyncio.sleep(1)
        if any(letter.delivery.delivery_id == self.refused for letter in letters):
            raise ValueError("too large")
        await super().file(letters)


def work_of(log: FakeLog, *ids: str) -> list[asyncio.Task[None]]:
    work = DeadLetterWork(log, Parts().availability)
    bodies = [seal_letters([make_letter(delivery=make_delivery(delivery_id=one))]) for one in ids]
    return [asyncio.ensure_future(work(incoming(body), Progress())) for body in bodies]


@in_virtual_time
async def test_letters_that_arrive_during_a_write_are_filed_together() -> None:
    log = Noted()
    tasks = work_of(log, "1", "2", "3")
    await asyncio.gather(*tasks)
    assert log.batches == [3]
    assert {letter.delivery.delivery_id for letter in log.letters} == {"1", "2", "3"}


@in_virtual_time
async def test_no_write_has_many_more_letters_than_one_message_may_have() -> None:
    log = Noted()
    await asyncio.gather(*work_of(log, *map(str, range(2 * MOST_TOGETHER + 1))))
    assert log.batches == [MOST_TOGETHER, MOST_TOGETHER, 1]


@in_virtual_time
async def test_a_letter_that_cannot_be_stored_takes_no_other_with_it() -> None:
    log = Noted()
    log.refused = "2"
    results = await asyncio.gather(*work_of(log, "1", "2", "3"), return_exceptions=True)
    assert [type(result) for result in results] == [type(None), ValueError, type(None)]
    assert {letter.delivery.delivery_id for letter in log.letters} == {"1", "3"}


@in_virtual_time
async def test_a_cancelled_message_leaves_the_letters_of_the_others_alone() -> None:
    log = Noted()
    first, second = work_of(log, "1", "2")
    await settle()
    first.cancel()
    await second
    assert {letter.delivery.delivery_id for letter in log.letters} == {"1", "2"}
