from pathlib import Path

from service.api.http.health import health_routes
from service.api.http.server import serve_at, with_routes
from service.workers.health import WorkersHealth
from service.workers.identity import health_socket


async def _live() -> dict[str, str]:
    return {"events": "ok"}


async def _ready() -> dict[str, str]:
    return {"store": "does not answer", "broker": "ok"}


async def test_the_health_of_all_names_each_worker_and_what_it_said(directory: Path) -> None:
    health = WorkersHealth(directory, 2)
    assert await health.live() == {"worker_1": "does not answer", "worker_2": "does not answer"}
    async with serve_at(health_socket(directory, 2), with_routes(health_routes(_live, _ready))):
        assert await health.live() == {"worker_1": "does not answer", "worker_2.events": "ok"}
        assert not await health.is_ready(2)
    async with serve_at(health_socket(directory, 2), with_routes(health_routes(_ready, _live))):
        assert await health.is_ready(2)
        assert not await health.is_ready(1)
