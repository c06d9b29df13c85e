"""Health of all workers: one worker, or the supervisor, asks each of them."""

import asyncio
from collections.abc import Mapping
from pathlib import Path

from service.adapters.local_health import ask, ask_health
from service.api.http.health import OK
from service.workers.identity import health_socket

SILENT = "does not answer"


class WorkersHealth:
    """Asks the workers 1 to `count` of the supervisor that owns the directory."""

    def __init__(self, directory: Path, count: int) -> None:
        self._directory = directory
        self._numbers = range(1, count + 1)

    async def live(self) -> Mapping[str, str]:
        """Return the state of each lane of each worker; a worker that hangs or ended is named."""
        return await self._ask_all("/healthz")

    async def ready(self) -> Mapping[str, str]:
        """Return the state of each dependency of each worker; a worker not reachable is named."""
        return await self._ask_all("/readyz")

    async def is_ready(self, number: int) -> bool:
        """Return whether all dependencies of the worker are available."""
        checks = await self._ask(number, "/readyz")
        return all(state == OK for state in checks.values())

    async def answers(self, number: int) -> bool:
        """Return whether the worker answers, whatever its health."""
        return await ask_health(health_socket(self._directory, number), "/healthz") is not None

    async def holders(self) -> Mapping[str, object]:
        """Return the holders of places of each worker; None for a worker that does not answer."""
        sockets = {number: health_socket(self._directory, number) for number in self._numbers}
        answers = await asyncio.gather(*(ask(socket, "/places") for socket in sockets.values()))
        return {f"worker_{n}": answer for n, answer in zip(sockets, answers, strict=True)}

    async def _ask_all(self, question: str) -> Mapping[str, str]:
        answers = await asyncio.gather(*(self._ask(number, question) for number in self._numbers))
        return {name: state for checks in answers for name, state in checks.items()}

    async def _ask(self, number: int, question: str) -> Mapping[str, str]:
        checks = await ask_health(health_socket(self._directory, number), question)
        if checks is None:
            return {f"worker_{number}": SILENT}
        return {f"worker_{number}.{name}": state for name, state in checks.items()}
