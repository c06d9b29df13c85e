"""A real Prometheus that watches a real service and broker, by the configuration we ship."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import aiohttp
import yaml

from service.dev.process import ServiceProcess
from service.dev.rabbit_server import RabbitServer
from service.dev.servers import HOST, Server
from service.domain.errors import SwitchhookError
from tests.conftest import Documents
from tests.watch.promtool import RULES, program

Sample = Mapping[str, Any]


class PrometheusServer(Server):
    """Our configuration, with the addresses of this run and no time to lose."""

    def __init__(self, directory: Path, targets: Mapping[str, str]) -> None:
        super().__init__("prometheus", directory)
        self._targets = targets

    def command(self) -> Sequence[str]:
        """See `Server`."""
        file = self.directory / "prometheus.yml"
        file.write_text(yaml.safe_dump(self._configuration()), "utf-8")
        return [
            program("prometheus"),
            f"--config.file={file}",
            f"--storage.tsdb.path={self.directory / 'data'}",
            f"--web.listen-address={HOST}:{self.port}",
            "--log.level=warn",
        ]

    def _configuration(self) -> dict[str, Any]:
        shipped: dict[str, Any] = yaml.safe_load((RULES / "prometheus.yml").read_text("utf-8"))
        shipped["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
        shipped["rule_files"] = [str(RULES / name) for name in shipped["rule_files"]]
        for job in shipped["scrape_configs"]:
            (static,) = job["static_configs"]
            static["targets"] = [self._targets[target] for target in static["targets"]]
        return shipped

    async def ready(self) -> None:
        """See `Server`."""
        await self._get("/-/ready")

    async def query(self, expr: str) -> list[Sample]:
        """Return the samples of a query. Raises SwitchhookError where it is none."""
        answer = await self._get("/api/v1/query", query=expr)
        found: list[Sample] = answer["data"]["result"]
        return found

    async def names(self) -> set[str]:
        """Return the names of all metrics."""
        return set((await self._get("/api/v1/label/__name__/values"))["data"])

    async def targets(self) -> dict[str, str]:
        """Return the health of the targets by job."""
        found = (await self._get("/api/v1/targets"))["data"]["activeTargets"]
        return {target["labels"]["job"]: target["health"] for target in found}

    async def _get(self, path: str, **query: str) -> dict[str, Any]:
        url = f"http://{HOST}:{self.port}{path}"
        async with aiohttp.ClientSession() as session, session.get(url, params=query) as response:
            if response.status != 200:
                raise SwitchhookError(await response.text())
            if response.content_type != "application/json":
                return {}
            answer: dict[str, Any] = await response.json()
            return answer


class Monitored:
    """The service at work, with all who watch it."""

    def __init__(
        self,
        service: ServiceProcess,
        broker: RabbitServer,
        prometheus: PrometheusServer,
        database: Documents,
        settings: Mapping[str, str],
    ) -> None:
        self.service = service
        self.broker = broker
        self.prometheus = prometheus
        self.database = database
        self.settings = settings

    async def value(self, expr: str) -> float | None:
        """Return the value of a query with one sample; None where it has none."""
        found = await self.prometheus.query(expr)
        return float(found[0]["value"][1]) if found else None
