"""Starting a worker process, and tidying up after one."""

import sys
from collections.abc import Sequence

from prometheus_client.multiprocess import mark_process_dead

from service.workers.health import WorkersHealth
from service.workers.place import Place
from service.workers.template import Forked, Template
from service.workers.watchdog import is_stopped


class Launcher:
    """Starts the workers of one supervisor; see `keeper.Starter`.

    `place` is that of the template: each worker has a number of its own instead.
    """

    def __init__(self, place: Place, config: str | None) -> None:
        self.place = place
        self.template = Template(self._command, place.listeners, str(place.directory))
        self._config = config
        self._health = WorkersHealth(place.directory, place.count)

    async def start(self, number: int) -> Forked:
        """See `keeper.Starter`."""
        return await self.template.fork(number)

    async def is_ready(self, number: int) -> bool:
        """See `keeper.Starter`."""
        return await self._health.is_ready(number)

    async def answers(self, number: int) -> bool:
        """See `keeper.Starter`."""
        return await self._health.answers(number)

    def is_stopped(self, pid: int) -> bool:
        """See `keeper.Starter`."""
        return is_stopped(pid)

    def tidy_up(self, number: int) -> None:
        """Forget the worker's gauges; what it counted stays."""
        mark_process_dead(number, str(self.place.directory))  # type: ignore[no-untyped-call]

    def _command(self, requests: int) -> Sequence[str]:
        config = () if self._config is None else ("--config", self._config)
        options = (*self.place.arguments(), "--requests", str(requests), *config)
        return [sys.executable, "-m", "service", "worker", *options]
