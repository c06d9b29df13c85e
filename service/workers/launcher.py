"""Starting a worker process, and tidying up after one."""

import os
import sys
from asyncio.subprocess import PIPE, Process, create_subprocess_exec
from dataclasses import dataclass
from pathlib import Path

from prometheus_client.multiprocess import mark_process_dead

from service.observability.metrics import FILES_VARIABLE
from service.workers.health import WorkersHealth
from service.workers.place import Place
from service.workers.watchdog import is_stopped


@dataclass(frozen=True, slots=True)
class Launcher:
    """Starts the workers of one supervisor; see `keeper.Starter`."""

    count: int
    directory: Path
    listeners: tuple[int, ...]
    config: str | None
    shadow: bool = False

    async def start(self, number: int) -> Process:
        """See `keeper.Starter`."""
        place = Place(number, self.count, self.directory, self.listeners, self.shadow)
        config = () if self.config is None else ("--config", self.config)
        return await create_subprocess_exec(
            *(sys.executable, "-m", "service", "worker", *place.arguments(), *config),
            env=os.environ | {FILES_VARIABLE: str(self.directory)},
            stdin=PIPE,
            pass_fds=self.listeners,
            start_new_session=True,
        )

    async def is_ready(self, number: int) -> bool:
        """See `keeper.Starter`."""
        return await WorkersHealth(self.directory, self.count).is_ready(number)

    async def answers(self, number: int) -> bool:
        """See `keeper.Starter`."""
        return await WorkersHealth(self.directory, self.count).answers(number)

    def is_stopped(self, pid: int) -> bool:
        """See `keeper.Starter`."""
        return is_stopped(pid)

    def tidy_up(self, number: int) -> None:
        """Forget the worker's gauges; what it counted stays."""
        mark_process_dead(number, str(self.directory))  # type: ignore[no-untyped-call]
