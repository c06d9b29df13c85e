"""Start a worker process, and clean up after it."""

import sys
from collections.abc import Sequence

from prometheus_client.multiprocess import mark_process_dead

from service.workers.health import WorkersHealth
from service.workers.identity import WorkerIdentity
from service.workers.template import Forked, Template
from service.workers.watchdog import is_stopped


class Launcher:
    """Starts the workers of one supervisor; see `kept_worker.Starter`.

    `identity` is the template's; each worker gets it with its own number.
    """

    def __init__(self, identity: WorkerIdentity, config: str | None) -> None:
        self.identity = identity
        self.template = Template(self._command, identity.listeners, str(identity.directory))
        self._config = config
        self._health = WorkersHealth(identity.directory, identity.count)

    async def start(self, number: int) -> Forked:
        """See `kept_worker.Starter`."""
        return await self.template.fork(number)

    async def is_ready(self, number: int) -> bool:
        """See `kept_worker.Starter`."""
        return await self._health.is_ready(number)

    async def answers(self, number: int) -> bool:
        """See `kept_worker.Starter`."""
        return await self._health.answers(number)

    def is_stopped(self, pid: int) -> bool:
        """See `kept_worker.Starter`."""
        return is_stopped(pid)

    def tidy_up(self, number: int) -> None:
        """Remove the worker's gauges; its counters stay."""
        mark_process_dead(number, str(self.identity.directory))  # type: ignore[no-untyped-call]

    def _command(self, requests: int) -> Sequence[str]:
        config = () if self._config is None else ("--config", self._config)
        options = (*self.identity.arguments(), "--requests", str(requests), *config)
        return [sys.executable, "-m", "service", "worker", *options]
