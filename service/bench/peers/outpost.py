"""Adapter for Hookdeck's Outpost.

Configuration and API as its documents describe them: github.com/hookdeck/outpost
(`docs/content/self-hosting/configuration.mdoc`, `…/quickstarts/docker.mdoc`,
`…/guides/migration.mdoc`, `docs/content/publishing/events.mdoc`).
"""

import os
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from service.bench.peers.events import Event
from service.bench.peers.rest import Rest, healthy
from service.bench.peers.stores import Postgres, Redis, completed
from service.bench.setting.load import HOOK
from service.bench.setting.site import CONNECTIONS
from service.dev.rabbit_server import RabbitServer
from service.dev.servers import HOST, Server

API_KEY = "bench"
SECRET = "0123456789abcdef0123456789abcdef"  # noqa: S105 (guards nothing)


class OutpostServer(Server):
    """`outpost serve`, after its migrations, ready once its health is good."""

    def __init__(
        self,
        directory: Path,
        program: Path,
        postgres: Postgres,
        redis: Redis,
        rabbitmq: RabbitServer,
    ) -> None:
        super().__init__("outpost", directory)
        self._program = program
        self._postgres, self._redis, self._rabbitmq = postgres, redis, rabbitmq

    async def start(self) -> None:
        """See `Server`."""
        await completed(self._program, "migrate", "apply", "--yes", **self.environment())
        await super().start()

    def command(self) -> Sequence[str]:
        """See `Server`."""
        return [str(self._program), "serve"]

    def environment(self) -> Mapping[str, str]:
        """See `Server`."""
        return os.environ | {
            "API_PORT": str(self.port),
            "API_KEY": API_KEY,
            "API_JWT_SECRET": SECRET,
            "AES_ENCRYPTION_SECRET": SECRET,
            "TOPICS": HOOK,
            "REDIS_HOST": HOST,
            "REDIS_PORT": str(self._redis.port),
            "POSTGRES_URL": self._postgres.url,
            "RABBITMQ_SERVER_URL": self._rabbitmq.url,
            # The default is one delivery at a time.
            "DELIVERY_MAX_CONCURRENCY": str(CONNECTIONS),
            "DISABLE_TELEMETRY": "true",
        }

    async def ready(self) -> None:
        """See `Server`."""
        await healthy(f"http://{HOST}:{self.port}/api/v1/healthz")


class Outpost:
    """See `Peer`. An account is a tenant with one destination."""

    name = "Outpost"

    def __init__(self, directory: Path, program: Path, postgres: Path, redis: Path) -> None:
        database = Postgres(directory / "postgres", postgres)
        cache = Redis(directory / "redis", redis)
        broker = RabbitServer(directory / "rabbitmq")
        server = OutpostServer(directory / "outpost", program, database, cache, broker)
        self.servers: Sequence[Server] = (database, cache, broker, server)
        self._rest = Rest(f"http://{HOST}:{server.port}/api/v1", API_KEY)

    def opened(self) -> AbstractAsyncContextManager[None]:
        """See `Peer`."""
        return self._rest.opened()

    async def subscribe(self, endpoints: Mapping[str, str], *, ordered: bool = False) -> None:  # noqa: ARG002
        """See `Peer`; it keeps no order, whatever `ordered` says."""
        for account_id, url in endpoints.items():
            destination = {"type": "webhook", "topics": ["*"], "config": {"url": url}}
            await self._rest.send("PUT", f"/tenants/{account_id}", {})
            await self._rest.send("POST", f"/tenants/{account_id}/destinations", destination)

    async def publish(self, event: Event) -> None:
        """See `Peer`."""
        body = {"id": event.event_id, "tenant_id": event.account_id, "topic": HOOK}
        await self._rest.send("POST", "/publish", body | {"data": event.body()})
