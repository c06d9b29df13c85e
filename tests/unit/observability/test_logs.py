import asyncio
import io

from service.observability.logs import GATHER_S, Gathered
from tests.virtual_time import in_virtual_time


@in_virtual_time
async def test_the_lines_of_a_moment_are_written_together_and_in_their_order() -> None:
    file = io.BytesIO()
    gathered = Gathered(file)
    gathered.write(b"one\n")
    gathered.flush()
    gathered.write(b"two\n")
    assert file.getvalue() == b""
    await asyncio.sleep(GATHER_S)
    assert file.getvalue() == b"one\ntwo\n"
    gathered.write(b"three\n")
    await asyncio.sleep(GATHER_S)
    assert file.getvalue() == b"one\ntwo\nthree\n"


def test_a_line_is_written_at_once_where_no_event_loop_runs_with_those_that_one_left_behind() -> (
    None
):
    file = io.BytesIO()
    gathered = Gathered(file)

    async def leave_one_behind() -> None:
        gathered.write(b"one\n")

    asyncio.run(leave_one_behind())
    assert file.getvalue() == b""
    gathered.write(b"two\n")
    assert file.getvalue() == b"one\ntwo\n"
