import pytest

from service.domain.errors import RejectedMessage
from service.pipeline.envelope import seal, seal_letters
from service.pipeline.progress import Progress
from tests.builders import make_delivery, make_letter
from tests.fakes import incoming
from tests.unit.pipeline.parts import Parts
from tests.virtual_time import in_virtual_time, now


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
