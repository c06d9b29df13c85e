"""Adapter for the open-source Svix server.

Configuration, token and API as its README and its API reference describe them: github.com/svix/
svix-webhooks (`README.md`, `server/svix-server/config.default.toml`), api.svix.com/docs.
"""

import base64
import hashlib
import hmac
import os
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import orjson

from service.bench.peers.events import Event
from service.bench.peers.rest import Rest, healthy
from service.bench.peers.stores import Postgres, Redis
from service.bench.setting.load import HOOK
from service.dev.servers import HOST, Server

JWT_SECRET = "bench-secret-of-the-peers"  # noqa: S105 (guards nothing)
ORGANIZATION = "org_23rb8YdGqMT0qIzpgGwdXfHirMu"
"""Subject of every token, by the README."""
DATABASE_CONNECTIONS = 50
"""The default is 20; the README says that more can be much faster. PostgreSQL allows 100."""


class SvixServer(Server):
    """`svix-server`, ready once its health is good."""

    def __init__(self, directory: Path, program: Path, postgres: Postgres, redis: Redis) -> None:
        super().__init__("svix", directory)
        self._program, self._postgres, self._redis = program, postgres, redis

    def command(self) -> Sequence[str]:
        """See `Server`."""
        return [str(self._program), "--run-migrations"]

    def environment(self) -> Mapping[str, str]:
        """See `Server`."""
        return os.environ | {
            "SVIX_LISTEN_ADDRESS": f"{HOST}:{self.port}",
            "SVIX_JWT_SECRET": JWT_SECRET,
            "SVIX_DB_DSN": self._postgres.url,
            "SVIX_DB_POOL_MAX_SIZE": str(DATABASE_CONNECTIONS),
            "SVIX_REDIS_DSN": self._redis.url,
            "SVIX_QUEUE_TYPE": "redis",
            "SVIX_CACHE_TYPE": "memory",
            "SVIX_WHITELIST_SUBNETS": '["127.0.0.0/8"]',
        }

    async def ready(self) -> None:
        """See `Server`."""
        await healthy(f"http://{HOST}:{self.port}/api/v1/health/")


class Svix:
    """See `Peer`. An account is an application with one endpoint."""

    name = "Svix"

    def __init__(self, directory: Path, program: Path, postgres: Path, redis: Path) -> None:
        database = Postgres(directory / "postgres", postgres)
        queue = Redis(directory / "redis", redis)
        server = SvixServer(directory / "svix", program, database, queue)
        self.servers: Sequence[Server] = (database, queue, server)
        self._rest = Rest(f"http://{HOST}:{server.port}/api/v1", token(int(time.time())))

    def opened(self) -> AbstractAsyncContextManager[None]:
        """See `Peer`."""
        return self._rest.opened()

    async def subscribe(self, endpoints: Mapping[str, str], *, ordered: bool = False) -> None:  # noqa: ARG002
        """See `Peer`; it keeps no order, whatever `ordered` says."""
        for account_id, url in endpoints.items():
            await self._rest.send("POST", "/app/", {"name": account_id, "uid": account_id})
            await self._rest.send("POST", f"/app/{account_id}/endpoint/", {"url": url})

    async def publish(self, event: Event) -> None:
        """See `Peer`."""
        body = {"eventType": HOOK, "eventId": event.event_id, "payload": event.body()}
        await self._rest.send("POST", f"/app/{event.account_id}/msg/", body)


def token(now: int) -> str:
    """Return a token for a day: a JWT with HS256, as `svix-server jwt generate` makes."""
    claims = {"iat": now, "nbf": now, "exp": now + 86_400, "iss": "svix-server"}
    parts = [{"alg": "HS256", "typ": "JWT"}, claims | {"sub": ORGANIZATION}]
    text = b".".join(_base64(orjson.dumps(part)) for part in parts)
    signature = hmac.new(JWT_SECRET.encode(), text, hashlib.sha256).digest()
    return (text + b"." + _base64(signature)).decode()


def _base64(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")
