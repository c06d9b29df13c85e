"""The service as an operator starts it: a process of its own, started by its command."""

import asyncio
import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import aiohttp

from service.dev.servers import HOST, Server, free_port
from service.domain.errors import SwitchhookError


class ServiceProcess(Server):
    """`switchhook run`, ready once `/readyz` answers 200."""

    def __init__(
        self,
        directory: Path,
        settings: Mapping[str, str],
        *,
        api_port: int = 0,
        workers: int = 1,
        shadow: bool = False,
    ) -> None:
        super().__init__("switchhook", directory)
        self.port = api_port or self.port
        self.metrics_port = int(settings.get("SWITCHHOOK_METRICS__PORT", free_port()))
        self._settings = settings
        self._workers = workers
        self._shadow = shadow

    @property
    def log(self) -> Path:
        """The file with its log."""
        return self._output

    def command(self) -> Sequence[str]:
        """See `Server`."""
        shadow = ("--shadow",) if self._shadow else ()
        return [sys.executable, "-m", "service", "run", "--workers", str(self._workers), *shadow]

    def environment(self) -> Mapping[str, str]:
        """See `Server`. Settings in the caller's own environment are left out."""
        inherited = {key: value for key, value in os.environ.items() if key[:11] != "SWITCHHOOK_"}
        ports = {
            "SWITCHHOOK_API__PORT": str(self.port),
            "SWITCHHOOK_METRICS__PORT": str(self.metrics_port),
        }
        return {**inherited, **self._settings, **ports}

    async def ready(self) -> None:
        """See `Server`."""
        status, text = await self.get("/readyz")
        if status != 200:
            raise SwitchhookError(f"not ready: {text}")

    async def get(self, path: str) -> tuple[int, str]:
        """Return status and text of a path of the API. Raises OSError if nothing listens."""
        return await _get(f"http://{HOST}:{self.port}{path}")

    async def metrics(self) -> dict[str, float]:
        """Return the metrics by name and labels, as Prometheus scrapes them."""
        _, text = await _get(f"http://{HOST}:{self.metrics_port}/metrics")
        rows = (line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
        return {name: float(value) for name, value in rows}

    async def places(self) -> dict[str, Any]:
        """Return the holders of the pool's places, as `/places` lists them."""
        _, text = await _get(f"http://{HOST}:{self.metrics_port}/places")
        found: dict[str, Any] = json.loads(text)
        return found

    async def wait(self) -> int:
        """Return the exit code once the process has ended by itself."""
        if self._process is None:
            raise SwitchhookError("switchhook is not running")
        return await asyncio.to_thread(self._process.wait)


async def _get(url: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        return response.status, await response.text()
