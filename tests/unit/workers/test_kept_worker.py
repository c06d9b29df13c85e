"""A worker is kept running, and ends when asked; time passes only when everybody waits."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise

from prometheus_client import CollectorRegistry, Counter

from service.workers.backoff import FIRST_PAUSE_S, QUICK
from service.workers.kept_worker import KeptWorker, Starter
from tests.virtual_time import in_virtual_time, now, settle

LIMIT_S = 25.0


class FakeProcess:
    """Ends by SIGTERM with exit code 0, unless it hangs."""

    def __init__(self, pid: int, *, hangs: bool) -> None:
        self.pid = pid
        self._hangs = hangs
        self._end: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def end(self, exit_code: int) -> None:
        if self._end.done():
            raise ProcessLookupError
        self._end.set_result(exit_code)

    def terminate(self) -> None:
        if self._hangs:
            return
        self.end(0)

    def kill(self) -> None:
        self.end(-signal.SIGKILL)

    async def wait(self) -> int:
        return await self._end


class FakeLauncher:
    """Starts processes with the ids 1, 2, ... and remembers when."""

    def __init__(self) -> None:
        self.hangs = False
        self.broken = False
        self.ready = True
        self.silent = False
        self.stopped: set[int] = set()
        self.processes: list[FakeProcess] = []
        self.started_at: list[float] = []
        self.tidied = 0

    async def start(self, _: int) -> FakeProcess:
        self.started_at.append(now())
        if self.broken:
            raise OSError("no more processes")
        self.processes.append(FakeProcess(len(self.processes) + 1, hangs=self.hangs))
        return self.processes[-1]

    async def is_ready(self, _: int) -> bool:
        return self.ready

    async def answers(self, _: int) -> bool:
        return not self.silent

    def is_stopped(self, pid: int) -> bool:
        return pid in self.stopped

    def tidy_up(self, _: int) -> None:
        self.tidied += 1


class Setting:
    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        restarts = Counter("restarts_total", "Restarts", registry=self.registry)
        frozen = Counter("frozen_total", "Frozen", ["how"], registry=self.registry)
        self.launcher = FakeLauncher()
        starter: Starter = self.launcher
        self.kept_worker = KeptWorker(1, starter, restarts, frozen, LIMIT_S)

    @property
    def restarts(self) -> float:
        return self.registry.get_sample_value("restarts_total") or 0

    def frozen(self, how: str) -> float:
        return self.registry.get_sample_value("frozen_total", {"how": how}) or 0

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Keep the worker until the end of the block, then stop it."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.kept_worker.run())
            await settle()
            yield
            self.kept_worker.stop()


@in_virtual_time
async def test_a_worker_that_dies_is_started_again_after_a_pause_that_grows() -> None:
    setting = Setting()
    async with setting.running():
        for _ in range(QUICK + 2):
            setting.launcher.processes[-1].end(1)
            await asyncio.sleep(5)
        assert setting.restarts == QUICK + 2
    quick = [5 * n + FIRST_PAUSE_S for n in range(QUICK)]
    assert setting.launcher.started_at == [0, *quick, 5 * QUICK + 0.5, 5 * (QUICK + 1) + 1]
    assert setting.launcher.tidied == QUICK + 3
    assert setting.kept_worker.clean


@in_virtual_time
async def test_a_worker_that_ends_unasked_without_an_error_is_started_again() -> None:
    setting = Setting()
    async with setting.running():
        setting.launcher.processes[-1].end(0)
        await asyncio.sleep(1)
        assert setting.kept_worker.pid == 2
    assert setting.restarts == 1


@in_virtual_time
async def test_being_stopped_in_the_pause_starts_no_other() -> None:
    setting = Setting()
    async with setting.running():
        setting.launcher.processes[-1].end(1)
        await settle()
    assert now() == 0
    assert len(setting.launcher.processes) == 1
    assert setting.restarts == 0
    assert setting.kept_worker.clean


@in_virtual_time
async def test_a_worker_that_hangs_when_it_is_stopped_is_killed_and_that_is_not_clean() -> None:
    setting = Setting()
    setting.launcher.hangs = True
    async with setting.running():
        pass
    assert now() == LIMIT_S
    assert not setting.kept_worker.clean


@in_virtual_time
async def test_a_worker_stopped_before_it_has_begun_ended_cleanly() -> None:
    setting = Setting()
    setting.launcher.hangs = True
    async with setting.running():
        setting.kept_worker.stop()
        setting.launcher.processes[-1].end(-signal.SIGTERM)
    assert setting.kept_worker.clean


@in_virtual_time
async def test_a_replacement_is_done_when_the_successor_is_ready_and_is_no_restart() -> None:
    setting = Setting()
    setting.launcher.ready = False
    async with setting.running(), asyncio.TaskGroup() as tasks:
        replacing = tasks.create_task(setting.kept_worker.replace())
        await asyncio.sleep(3)
        assert setting.kept_worker.pid == 2
        assert not replacing.done()
        setting.launcher.ready = True
    assert setting.launcher.started_at == [0, 0]
    assert setting.restarts == 0


@in_virtual_time
async def test_a_worker_that_hangs_when_it_is_replaced_is_killed_and_its_successor_is_not() -> None:
    setting = Setting()
    setting.launcher.hangs = True
    async with setting.running():
        replacing = asyncio.create_task(setting.kept_worker.replace())
        await settle()
        setting.launcher.hangs = False
        await replacing
        assert LIMIT_S <= now() < LIMIT_S + 1
        await asyncio.sleep(2 * LIMIT_S)
        assert setting.kept_worker.pid == 2
    assert setting.kept_worker.clean


@in_virtual_time
async def test_a_replacement_cuts_the_pause_after_a_death_short() -> None:
    setting = Setting()
    async with setting.running():
        for _ in range(QUICK + 6):
            setting.launcher.processes[-1].end(2)
            await asyncio.sleep(20)
        setting.launcher.processes[-1].end(2)
        await asyncio.sleep(1)
        before = now()
        await setting.kept_worker.replace()
        assert now() - before < 1


@in_virtual_time
async def test_a_machine_that_cannot_start_a_process_is_asked_again() -> None:
    setting = Setting()
    setting.launcher.broken = True
    async with setting.running():
        await asyncio.sleep(2)
        setting.launcher.broken = False
        await asyncio.sleep(5)
        assert setting.kept_worker.pid == 1
    gaps = [after - before for before, after in pairwise(setting.launcher.started_at)]
    assert [round(gap, 6) for gap in gaps] == [FIRST_PAUSE_S] * QUICK + [0.5, 1]


@in_virtual_time
async def test_a_worker_that_is_stopped_is_killed_and_started_again() -> None:
    setting = Setting()
    async with setting.running():
        await asyncio.sleep(3)
        setting.launcher.stopped.add(1)
        await asyncio.sleep(1.5)
        assert setting.kept_worker.pid == 2
        await asyncio.sleep(100)
        assert setting.kept_worker.pid == 2
    assert (setting.frozen("stopped"), setting.frozen("silent")) == (1, 0)
    assert setting.restarts == 1


@in_virtual_time
async def test_a_worker_that_does_not_answer_for_long_is_killed_and_started_again() -> None:
    setting = Setting()
    async with setting.running():
        await asyncio.sleep(3)
        setting.launcher.silent = True
        await asyncio.sleep(8)
        assert setting.kept_worker.pid == 1
        await asyncio.sleep(4)
        assert setting.kept_worker.pid == 2
    assert (setting.frozen("stopped"), setting.frozen("silent")) == (0, 1)


@in_virtual_time
async def test_a_worker_that_is_to_end_need_not_answer() -> None:
    setting = Setting()
    setting.launcher.hangs = True
    async with setting.running():
        await asyncio.sleep(3)
        setting.launcher.silent = True
    assert now() == 3 + LIMIT_S
    assert setting.frozen("silent") == 0
