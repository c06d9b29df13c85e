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


@dataclass(frozen=True, slots=True)
class Launcher:
    """What all workers of one supervisor are started with."""

    count: int
    directory: Path
    listeners: tuple[int, ...]
    config: str | None
    health: WorkersHealth

    async def start(self, number: int) -> Process:
        """Start worker `number`. Raises OSError where the machine cannot."""
        place = Place(number, self.count, self.directory, self.listeners)
        config = () if self.config is None else ("--config", self.config)
        return await create_subprocess_exec(
            *(sys.executable, "-m", "service", "worker", *place.arguments(), *config),
            env=os.environ | {FILES_VARIABLE: str(self.directory)},
            stdin=PIPE,
            pass_fds=self.listeners,
            start_new_session=True,
        )

    def tidy_up(self, number: int) -> None:
        """Forget the gauges of a worker that has ended; what it counted stays."""
        mark_process_dead(number, str(self.directory))  # type: ignore[no-untyped-call]
