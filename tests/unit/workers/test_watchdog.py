"""Who is frozen, and who is not; time passes only when everybody waits."""

import asyncio
import os
import signal
import subprocess
import time

from service.workers.watchdog import is_stopped, until_silent, until_stopped
from tests.virtual_time import in_virtual_time, now


@in_virtual_time
async def test_a_worker_that_is_stopped_for_a_second_is_found() -> None:
    await until_stopped(lambda: now() > 5)
    assert 6 <= now() <= 6.5


@in_virtual_time
async def test_a_worker_that_is_stopped_for_less_than_a_second_is_not_found() -> None:
    def stopped() -> bool:
        return (now() % 1 < 0.6 and now() < 20) or now() > 30

    await until_stopped(stopped)
    assert now() > 30


@in_virtual_time
async def test_a_worker_that_answered_and_does_so_no_more_is_found_after_ten_seconds() -> None:
    async def answers() -> bool:
        return now() < 5

    await until_silent(answers)
    assert 14 <= now() <= 17


@in_virtual_time
async def test_a_worker_that_starts_may_take_its_time() -> None:
    async def answers() -> bool:
        return 60 < now() < 70

    await until_silent(answers)
    assert 79 <= now() <= 82


@in_virtual_time
async def test_an_answer_now_and_then_is_enough() -> None:
    asked = 0

    async def answers() -> bool:
        nonlocal asked
        asked += 1
        await asyncio.sleep(2)
        return asked % 3 == 0 and now() < 100

    await until_silent(answers)
    assert now() > 100


@in_virtual_time
async def test_a_supervisor_that_stood_still_counts_no_more_than_one_question() -> None:
    frozen_s = [60.0, 60.0, 60.0]

    async def answers() -> bool:
        if now() > 3 and frozen_s:
            await asyncio.sleep(frozen_s.pop())
            return False
        return now() < 400

    await until_silent(answers)
    assert now() > 400


def test_a_process_is_stopped_by_a_signal_and_goes_on_after_another() -> None:
    process = subprocess.Popen(["sleep", "60"])  # noqa: S607
    try:
        assert not is_stopped(process.pid)
        os.kill(process.pid, signal.SIGSTOP)
        _until(process.pid, stopped=True)
        os.kill(process.pid, signal.SIGCONT)
        _until(process.pid, stopped=False)
    finally:
        process.kill()
        process.wait()
    assert not is_stopped(process.pid)


def _until(pid: int, *, stopped: bool) -> None:
    """The kernel stops a process a moment after the signal was sent."""
    deadline = time.monotonic() + 5
    while is_stopped(pid) != stopped:
        assert time.monotonic() < deadline
        time.sleep(0.001)
