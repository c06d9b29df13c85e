"""The stage of one fault: its virtual host, database, receiver and services."""

import asyncio
import os
import random
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Any, TypeVar

import aio_pika
import aiohttp

from service.adapters.rabbitmq.topology.queues import Names
from service.dev.process import ServiceProcess
from service.dev.rabbit_server import RabbitServer
from service.dev.servers import MongoServer
from service.domain.errors import SwitchhookError
from tests.chaos.normals import beyond_normal
from tests.chaos.proxy import Proxy
from tests.chaos.report import Row
from tests.chaos.sink import Sink
from tests.chaos.tally import Load, Span, Stopwatch, Tally
from tests.conftest import Documents
from tests.e2e.harness import eventually, webhook_document

Service = TypeVar("Service", bound=ServiceProcess)

PREFETCH = 300
"""What one process may hold unacknowledged: 200 events and 100 retries."""
SCHEDULE_S = (0.5, 2.0)
NAMES = Names("switchhook")
UNTOLD = 5
SETTLED_S = 5.0
"""A quorum queue that was declared for the first time survives a kill only after some seconds."""


class Rig:
    """Everything a fault needs; what it starts is stopped with `stack`."""

    def __init__(
        self,
        stack: AsyncExitStack,
        directory: Path,
        broker: RabbitServer,
        store: MongoServer,
        vhost: str,
        database: Documents,
        sink: Sink,
        rng: random.Random,
        rows: list[Row],
        *,
        full: bool,
    ) -> None:
        self.broker = broker
        self.store = store
        self.vhost = vhost
        self.database = database
        self.sink = sink
        self.rng = rng
        self.full = full
        self.tally = Tally(sink, database)
        self.services: list[ServiceProcess] = []
        self.amqp_url = f"{broker.url}{vhost}"
        self.schedule_s: tuple[float, ...] = SCHEDULE_S
        self.partitions = 1
        """The number that the queues have at the end."""
        self._stack = stack
        self._directory = directory
        self._rows = rows
        self._accounts = 0

    @property
    def settings(self) -> dict[str, str]:
        """The environment of a service here.

        Failing webhooks stay on, and their endpoints are not left alone: most faults need them.
        """
        return {
            "SWITCHHOOK_AMQP__URL": self.amqp_url,
            "SWITCHHOOK_MONGO__URL": self.store.url,
            "SWITCHHOOK_MONGO__DATABASE": self.database.name,
            "SWITCHHOOK_EGRESS__ALLOW": '["127.0.0.0/8"]',
            "SWITCHHOOK_RETRY__SCHEDULE": str([*self.schedule_s]),
            "SWITCHHOOK_RETRY__JITTER": "0",
            "SWITCHHOOK_DISABLE__FAILURE_COUNT": "1000",
            "SWITCHHOOK_BREAKER__FAILURE_COUNT": "10000",
            # Events are delivered even after minutes of waiting, not given up as too old.
            "SWITCHHOOK_FRESHNESS__LIVE_S": "0",
        }

    async def service(self, **more: str) -> ServiceProcess:
        """Start a service; more settings by the name of their variable."""
        return await self.start(ServiceProcess, more)

    async def service_of(self, workers: int, **more: str) -> ServiceProcess:
        """Start a service of so many workers; more settings by the name of their variable."""

        def kind(directory: Path, settings: Mapping[str, str]) -> ServiceProcess:
            return ServiceProcess(directory, settings, workers=workers)

        return await self.start(kind, more)

    async def start(
        self, kind: Callable[[Path, Mapping[str, str]], Service], more: Mapping[str, str]
    ) -> Service:
        """Start a service of some kind."""
        directory = self._directory / f"service{len(self.services)}"
        service = kind(directory, {**self.settings, **more})
        self.services.append(service)
        self._stack.push_async_callback(service.stop)
        await service.start()
        return service

    async def proxy(self, port: int) -> Proxy:
        """Put a proxy in front of a port."""
        return await self._stack.enter_async_context(Proxy(port))

    def through(self, proxy: Proxy) -> str:
        """Return the broker's address through a proxy."""
        return self.amqp_url.replace(f":{self.broker.port}/", f":{proxy.port}/")

    async def account(self, uri: str, **webhook: Any) -> str:
        """Add an account with one webhook; return its id."""
        self._accounts += 1
        account_id = f"{self._accounts:032x}"
        document = webhook_document(uri, _id=f"hook{self._accounts:04}", account_id=account_id)
        document |= webhook
        await self.database["webhooks"].insert_one(document)
        self.tally.webhooks[account_id].append(document["_id"])
        return account_id

    async def account_of_many(self, uris: Sequence[str], **webhook: Any) -> str:
        """Add an account with a webhook for each address; return its id."""
        self._accounts += 1
        account_id = f"{self._accounts:032x}"
        documents = [
            webhook_document(uri, _id=f"hook{self._accounts:04}-{number}", account_id=account_id)
            | webhook
            for number, uri in enumerate(uris)
        ]
        await self.database["webhooks"].insert_many(documents)
        self.tally.webhooks[account_id] += [document["_id"] for document in documents]
        return account_id

    async def healthy(self, count: int, path: str = "/ok") -> list[str]:
        """Add accounts with one endpoint each, all of which answer."""
        first = self._accounts
        return [
            await self.account(await self.sink.url(f"127.1.0.{first + n + 1}", path))
            for n in range(count)
        ]

    def load(self, accounts: list[str], name: str = "load") -> Load:
        """Return a load on these accounts; its name is part of every call's."""
        load = Load(self.tally, self.amqp_url, accounts, name)
        self._stack.push_async_callback(load.stop)
        return load

    async def under_load(
        self, accounts: list[str], rate_per_s: float, alone_s: float, name: str = "load"
    ) -> tuple[Load, Span]:
        """Start a load; return it with the first seconds of it, which no fault disturbed."""
        load = self.load(accounts, name)
        load.start(rate_per_s)
        with Stopwatch() as before:
            await asyncio.sleep(alone_s)
        return load, before.span

    async def kill(self, *services: ServiceProcess) -> None:
        """Kill them all in the same moment."""
        for service in services:
            os.killpg(service.pid, signal.SIGKILL)
        for service in services:
            await service.kill()

    async def quiet(self, timeout_s: float) -> bool:
        """Return whether all queues and services became empty in time."""
        deadline = time.monotonic() + timeout_s
        quiet = 0
        while quiet < 2:
            quiet = quiet + 1 if await self._is_quiet() else 0
            if time.monotonic() > deadline:
                return False
            await asyncio.sleep(0.2)
        return True

    async def _is_quiet(self) -> bool:
        if any((await self.depths()).values()):
            return False
        for service in self.services:
            # One that is dead holds nothing.
            with suppress(SwitchhookError, OSError, aiohttp.ClientConnectionError):
                metrics = await service.metrics()
                if any(metrics[name] for name in metrics if "consumer_unacked" in name):
                    return False
        return True

    @property
    def queues(self) -> list[str]:
        """Names of the service's queues."""
        tiers = [NAMES.tier(round(delay_s * 1000)) for delay_s in self.schedule_s]
        events = NAMES.event_queues(self.partitions)
        return list(dict.fromkeys((NAMES.events, *events, NAMES.deliveries, *tiers, NAMES.dead)))

    async def until_queues_survive(self) -> None:
        """Return once a kill of the broker leaves the queues what they hold.

        It keeps their names in a file that it writes a second after the last change, or later on a
        busy machine. A queue whose name is not there is begun anew, and is empty.
        """
        names = [f"{self.vhost}_{name}".encode() for name in self.queues]

        async def kept() -> bool:
            known = b"".join(
                file.read_bytes() for file in self.broker.directory.rglob("names.dets")
            )
            return all(name in known for name in names)

        await eventually(kept, 60, "the names of all queues on the broker's disk")

    async def depths(self) -> dict[str, int]:
        """Return how many messages wait in each queue."""
        connection = await aio_pika.connect(self.amqp_url)
        async with connection:
            channel = await connection.channel()
            found = {name: await channel.declare_queue(name, passive=True) for name in self.queues}
        return {name: q.declaration_result.message_count or 0 for name, q in found.items()}

    async def verdict(self, fault: str, timeout_s: float = 30, **more: Any) -> Row:
        """Wait until everything is settled, note the row, and judge it."""
        await self.tally.until_settled(timeout_s)
        quiet = await self.quiet(timeout_s)
        row = await self.tally.verdict(fault, **more)
        self.judge(row)
        assert quiet, f"something is still held: {await self.depths()}"
        return row

    def repeatable(self, kills: int) -> int:
        """Return how many requests may be made twice: those in flight at each kill, and no more.

        A few were answered in the 5 ms before, and not acknowledged yet.
        """
        return kills * (self.sink.most_underway + UNTOLD)

    def judge(self, row: Row) -> None:
        """Note a row; nothing may be lost, and no more be sent twice than the fault explains.

        What is sent twice carries the same id.
        """
        self._rows.append(row)
        assert row.accepted > 0, "nothing was accepted, so nothing was proved"
        assert self.tally.renamed() == []
        assert row.lost == 0, row
        assert row.duplicated <= row.bound, row
        if self.full:
            assert beyond_normal(row) == [], row
