"""Shared by all measurements: private servers, the sink, the queue, and the effort."""

import itertools
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

import orjson

from service.bench.setting.floor import Plan
from service.bench.setting.load import QUEUE, EventsQueue, events_queue
from service.bench.setting.sink import ReceiverSink, Sink, sink
from service.dev.process import ServiceProcess
from service.dev.rabbit_server import RabbitServer
from service.dev.servers import MongoServer, Server
from service.settings.model import Settings

DEFAULTS = Settings()
CONNECTIONS = 150
"""Requests in flight of the bare loop in all; a higher limit costs it and gains nothing."""


@dataclass(frozen=True, slots=True)
class Effort:
    """Effort: the events on which the size of each backlog is based, and pairs of runs."""

    events: int
    pairs: int


class Floor(Server):
    """The bare loops as a process."""

    def __init__(self, directory: Path, plan: Plan) -> None:
        super().__init__("floor", directory)
        self._plan = plan

    def command(self) -> Sequence[str]:
        """See `Server`."""
        plan = orjson.dumps(asdict(self._plan)).decode()
        return [sys.executable, "-m", "service.bench.setting.floor", plan]

    async def ready(self) -> None:
        """See `Server`; the sink shows the floor's progress."""


class EagerService(ServiceProcess):
    """The service, started without waiting for readiness, to measure it from the first moment."""

    async def ready(self) -> None:
        """See `Server`."""


@dataclass(frozen=True, slots=True)
class Site:
    """Environment of the measurements; `tell` prints a line of progress."""

    directory: Path
    broker: RabbitServer
    store: MongoServer
    sink: Sink
    receiver: ReceiverSink
    queue: EventsQueue
    effort: Effort
    tell: Callable[[str], None]
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    @property
    def amqp_url(self) -> str:
        """The value for `amqp.url`."""
        return self.broker.url

    @property
    def mongo_url(self) -> str:
        """The value for `mongo.url`."""
        return self.store.url

    def service(self, database: str, **settings: str) -> ServiceProcess:
        """Return a service on a database, not started; its egress policy allows this machine."""
        return ServiceProcess(self._place(), self._settings(database, settings))

    def eager_service(self, database: str, **settings: str) -> ServiceProcess:
        """Return the same service, whose start does not wait for readiness."""
        return self.eager_workers(database, 1, **settings)

    def eager_workers(self, database: str, workers: int, **settings: str) -> ServiceProcess:
        """Return the same service of several workers."""
        return EagerService(self._place(), self._settings(database, settings), workers=workers)

    def floor(self, loop: str, urls: Sequence[str] = (), *, fan_out: int = 1) -> Server:
        """Return a bare loop, not started; see `floor.Plan`."""
        plan = Plan(
            loop=loop,
            amqp_url=self.amqp_url,
            queue=QUEUE,
            urls=list(urls),
            fan_out=fan_out,
            prefetch=DEFAULTS.amqp.prefetch,
            connections=CONNECTIONS,
            timeout_s=DEFAULTS.http.total_timeout_s,
        )
        return Floor(self._place(), plan)

    def _settings(self, database: str, more: Mapping[str, str]) -> dict[str, str]:
        return {
            "SWITCHHOOK_AMQP__URL": self.amqp_url,
            "SWITCHHOOK_MONGO__URL": self.mongo_url,
            "SWITCHHOOK_MONGO__DATABASE": database,
            "SWITCHHOOK_EGRESS__ALLOW": '["127.0.0.0/8"]',
            **more,
        }

    def _place(self) -> Path:
        return self.directory / f"process{next(self._numbers)}"


@asynccontextmanager
async def site(effort: Effort, tell: Callable[[str], None]) -> AsyncIterator[Site]:
    """Start all that the measurements need, and stop it at the end."""
    async with AsyncExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="switchhook-")))
        tell("starting a private RabbitMQ, MongoDB and sink")
        broker = await stack.enter_async_context(RabbitServer(directory / "rabbitmq"))
        mongo = await stack.enter_async_context(MongoServer(directory / "mongod"))
        target = await stack.enter_async_context(sink(directory / "sink"))
        receiver = await stack.enter_async_context(ReceiverSink(directory / "receiver"))
        queue = await stack.enter_async_context(events_queue(broker.url))
        yield Site(directory, broker, mongo, target, receiver, queue, effort, tell)
