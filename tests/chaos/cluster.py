"""A RabbitMQ cluster and a replica set on one machine, any member of which may be killed."""

import asyncio
import signal
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from pymongo import AsyncMongoClient

from service.dev.rabbit_server import RabbitServer
from service.dev.servers import MongoServer, Server, free_port

MEMBERS = 3
ELECTION_TIMEOUT_MS = 3000


class Node(RabbitServer):
    """A node of a cluster: it shares the port mapper and the cookie with the others."""

    def __init__(self, directory: Path, mapper_port: int) -> None:
        super().__init__(directory)
        self._mapper_port = mapper_port

    @property
    def node(self) -> str:
        """Its name in the cluster."""
        return self.environment()["RABBITMQ_NODENAME"]

    def environment(self) -> Mapping[str, str]:
        """See `Server`. The cookie is in the home directory."""
        return {**super().environment(), "HOME": str(self.directory.parent)}

    async def _end(self, signum: signal.Signals) -> None:
        # Not the port mapper, which knows the others.
        await Server._end(self, signum)

    async def join(self, other: "Node") -> None:
        """Become a member of the other's cluster."""
        await self.control("stop_app")
        await self.control("join_cluster", other.node)
        await self.control("start_app")


class Member(MongoServer):
    """A member of a replica set that somebody else initiates."""

    async def ready(self) -> None:
        """See `Server`."""
        async with AsyncMongoClient[Mapping[str, object]](self.url, timeoutMS=2000) as client:
            await client.admin.command("ping")


@asynccontextmanager
async def rabbit_cluster(directory: Path) -> AsyncIterator[Sequence[Node]]:
    """Yield three nodes of one cluster."""
    mapper_port = free_port()
    nodes = [Node(directory / f"node{number}", mapper_port) for number in range(MEMBERS)]
    async with AsyncExitStack() as stack:
        for node in nodes:
            # One after the other: the first writes the cookie.
            await stack.enter_async_context(node)
        for node in nodes[1:]:
            await node.join(nodes[0])
        yield nodes
    epmd = await asyncio.create_subprocess_exec(
        "epmd", "-port", str(mapper_port), "-kill",
        env=dict(nodes[0].environment()),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    await epmd.wait()


@asynccontextmanager
async def replica_set(directory: Path) -> AsyncIterator[Sequence[Member]]:
    """Yield three members of one replica set, the first of which is likely primary."""
    members = [Member(directory / f"member{number}") for number in range(MEMBERS)]
    async with AsyncExitStack() as stack:
        for member in members:
            await stack.enter_async_context(member)
        hosts = [{"_id": n, "host": f"127.0.0.1:{m.port}"} for n, m in enumerate(members)]
        settings = {"electionTimeoutMillis": ELECTION_TIMEOUT_MS}
        async with AsyncMongoClient[Mapping[str, Any]](members[0].url) as client:
            await client.admin.command(
                "replSetInitiate", {"_id": "rs0", "members": hosts, "settings": settings}
            )
        yield members


def set_url(members: Sequence[Member]) -> str:
    """Return what `mongo.url` must be for all members together."""
    hosts = ",".join(f"127.0.0.1:{member.port}" for member in members)
    return f"mongodb://{hosts}/?replicaSet=rs0"
