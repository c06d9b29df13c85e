"""The service put together: plain constructor calls, top to bottom.

Stop order: take no more messages in; finish what is in flight until the grace period is over; the
rest goes back to the broker when its connection closes. Then the sender, the store's log, and the
broker's publishing connection last.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

import structlog
from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector

from service.adapters.directory import RememberedDirectory
from service.adapters.http_sender import HttpSender
from service.adapters.mongo_check import examine_store
from service.adapters.mongo_health import MongoWebhookHealth
from service.adapters.mongo_logs import MongoAttemptLog, MongoDeadLetters
from service.adapters.mongo_store import Database, MongoWebhooks, Store, open_database
from service.adapters.mongo_watch import Watch
from service.adapters.rabbitmq_bindings import Bindings
from service.adapters.rabbitmq_check import examine_broker
from service.adapters.rabbitmq_consumer import Consumer, Subscription
from service.adapters.rabbitmq_link import Link
from service.adapters.rabbitmq_publisher import Publisher
from service.adapters.rabbitmq_tolerance import install_tolerant_decoders
from service.adapters.rabbitmq_topology import Names
from service.api.health import health_routes, metrics_routes
from service.api.server import serve
from service.domain.errors import StoreUnavailable
from service.domain.finding import Finding
from service.observability.metrics import Metrics
from service.pipeline.bury import BurialWork
from service.pipeline.deliver import Deliverer
from service.pipeline.disable import Disabler
from service.pipeline.events import EventWork
from service.pipeline.gates import EndpointGates
from service.pipeline.ingest import Ingest
from service.pipeline.lanes import Lane, Work
from service.pipeline.memory import Finished
from service.pipeline.patience import Patience
from service.pipeline.record import Recorder
from service.pipeline.retries import RetryWork
from service.ports import DeadLetterStore, Directory, Queues, Sender
from service.settings.model import Settings
from service.sources.catalogue import HOOKS, bindings
from service.sources.kazoo.decode import KazooDecoder

BURIAL_PREFETCH = 50
PREPARE_AGAIN_S = 2.0
FLUSH_TIMEOUT_S = 3.0

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Service:
    """The running parts that the life cycle and the health checks need."""

    settings: Settings
    metrics: Metrics
    store: Store
    watch: Watch
    recorder: Recorder
    sender: HttpSender
    lanes: tuple[Lane, ...]
    bindings: Bindings
    consumer: Consumer
    consuming: Link
    publishing: Link

    def live(self) -> Mapping[str, str]:
        """Return the state of each lane: failing where messages are held and none is settled."""
        limit_s = self.settings.health.stall_s
        return {lane.name: lane.state(limit_s) for lane in self.lanes}

    def ready(self) -> Mapping[str, str]:
        """Return the state of each dependency."""
        missing = self.bindings.missing
        return {
            "broker_consuming": "ok" if self.consumer.consuming else "not consuming",
            "broker_publishing": "ok" if self.publishing.up else "not connected",
            "bindings": "ok" if not missing else f"exchange missing: {', '.join(missing)}",
            "store": "ok" if self.store.up else "does not answer",
        }


def build(settings: Settings) -> Service:
    """Return the service, wired and not started. Must be called inside a running event loop."""
    metrics = Metrics(_registry(), [(hook.source, hook.hook_id) for hook in HOOKS])
    store = Store(_database(settings), metrics)
    directory = RememberedDirectory(MongoWebhooks(store), settings.cache, metrics)
    recorder = Recorder(
        MongoAttemptLog(store),
        metrics,
        settings.attempts.buffer_rows,
        record_successes=settings.attempts.record_successes,
    )
    sender = HttpSender(settings.http, settings.egress, metrics)
    names = Names(settings.amqp.prefix)
    publisher = Publisher(names, settings.amqp.publish_timeout_s)
    disabler = Disabler(settings.disable, MongoWebhookHealth(store), publisher, metrics)
    watch = Watch(
        store,
        settings.cache.poll_interval_s,
        directory.forget,
        directory.forget_webhook,
        disabler.learn,
        directory.forget_all,
    )
    lanes = _lanes(
        settings,
        metrics,
        directory,
        MongoDeadLetters(store),
        sender,
        recorder,
        disabler,
        publisher,
    )
    may_declare = settings.amqp.declare_sources
    bound = Bindings(names.events, bindings(settings.kazoo), metrics, may_declare=may_declare)
    prefetches = (settings.amqp.prefetch, settings.amqp.delivery_prefetch, BURIAL_PREFETCH)
    queues = (names.events, names.deliveries, names.dead)
    subscriptions = [
        Subscription(queue, prefetch, lane.accept)
        for queue, prefetch, lane in zip(queues, prefetches, lanes, strict=True)
    ]
    consumer = Consumer(names, settings.retry.tiers_ms, subscriptions, bound, metrics)
    return Service(
        settings=settings,
        metrics=metrics,
        store=store,
        watch=watch,
        recorder=recorder,
        sender=sender,
        lanes=lanes,
        bindings=bound,
        consumer=consumer,
        consuming=Link("consume", settings.amqp.urls, consumer.session, metrics),
        publishing=Link("publish", settings.amqp.urls, publisher.session, metrics),
    )


def _lanes(
    settings: Settings,
    metrics: Metrics,
    directory: Directory,
    dead_letters: DeadLetterStore,
    sender: Sender,
    recorder: Recorder,
    disabler: Disabler,
    queues: Queues,
) -> tuple[Lane, Lane, Lane]:
    """Return the lanes of events, deliveries and dead letters, each with its work."""
    patience = Patience(metrics)
    finished = Finished()
    deliverer = Deliverer(
        sender=sender,
        queues=queues,
        recorder=recorder,
        gates=EndpointGates(settings.http.per_endpoint_limit, settings.http.longest_wait_s),
        disabler=disabler,
        policy=settings.retry,
        finished=finished,
        metrics=metrics,
        patience=patience,
    )
    retry_slots = max(1, round(settings.http.pool_limit * settings.http.retry_share))
    event_slots = settings.http.pool_limit - retry_slots
    shared: dict[str, Any] = {
        "directory": directory,
        "deliverer": deliverer,
        "finished": finished,
        "metrics": metrics,
        "patience": patience,
        "cluster_id": settings.kazoo.cluster_id,
    }
    works: tuple[Work, Work, Work] = (
        EventWork(
            ingest=_ingest(settings, directory), slots=asyncio.Semaphore(event_slots), **shared
        ),
        RetryWork(slots=asyncio.Semaphore(retry_slots), **shared),
        BurialWork(dead_letters, patience),
    )
    events, deliveries, burials = (
        Lane(name, work, queues, metrics, patience)
        for name, work in zip(("events", "deliveries", "dead_letters"), works, strict=True)
    )
    return events, deliveries, burials


def _ingest(settings: Settings, directory: Directory) -> Ingest:
    decoders = {"kazoo": KazooDecoder(settings.kazoo, settings.amqp.max_message_bytes)}
    sources = {binding.exchange: "kazoo" for binding in bindings(settings.kazoo)}
    return Ingest(decoders, sources, settings.amqp.sources[0], directory)


async def run(settings: Settings, stop: asyncio.Event) -> None:
    """Run the service until `stop` is set.

    Raises TopologyConflict where the broker has our queues with other arguments, and
    SwitchhookError where a port is taken.
    """
    install_tolerant_decoders()
    service = build(settings)
    async with AsyncExitStack() as stack:
        stack.callback(service.store.close)
        stack.push_async_callback(service.sender.close)
        api, metrics = settings.api, settings.metrics
        routes = health_routes(service.live, service.ready)
        await stack.enter_async_context(serve(routes, api.host, api.port))
        routes = metrics_routes(service.metrics.registry)
        await stack.enter_async_context(serve(routes, metrics.host, metrics.port))
        async with asyncio.TaskGroup() as tasks, _background(tasks, service):
            consuming = tasks.create_task(service.consuming.run(), name="consume")
            log.info("service.started", api=f"{api.host}:{api.port}", metrics=metrics.port)
            await stop.wait()
            await _wind_down(service)
            consuming.cancel()
    log.info("service.stopped")


async def examine(settings: Settings) -> list[Finding]:
    """Return what `switchhook check` has to say about broker and store."""
    install_tolerant_decoders()
    names = Names(settings.amqp.prefix)
    findings = []
    for url in settings.amqp.urls:
        broker = examine_broker(url, names, settings.retry.tiers_ms, bindings(settings.kazoo))
        findings += [finding async for finding in broker]
    database = _database(settings)
    findings += [finding async for finding in examine_store(database)]
    database.client.close()
    return findings


def _database(settings: Settings) -> Database:
    mongo = settings.mongo
    return open_database(mongo.url.get_secret_value(), mongo.database, mongo.timeout_s)


@asynccontextmanager
async def _background(tasks: asyncio.TaskGroup, service: Service) -> AsyncIterator[None]:
    """Run everything that must outlive the consuming connection, and stop it in order."""
    running = [
        tasks.create_task(service.publishing.run(), name="publish"),
        tasks.create_task(_prepare(service), name="prepare the store"),
        tasks.create_task(service.watch.run(), name="watch the store"),
        tasks.create_task(service.recorder.run(), name="write attempts"),
        *(tasks.create_task(lane.run(), name=lane.name) for lane in service.lanes),
    ]
    try:
        yield
    finally:
        for task in reversed(running):
            task.cancel()


async def _wind_down(service: Service) -> None:
    grace_s = service.settings.shutdown.grace_s
    held = sum(lane.unsettled for lane in service.lanes)
    log.info("service.stopping", in_flight=held, grace_s=grace_s)
    await service.consumer.stop()
    deadline = time.monotonic() + grace_s
    for lane in service.lanes:
        with suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, deadline - time.monotonic())):
                await lane.drain()
    left = sum(lane.unsettled for lane in service.lanes)
    if left:
        log.warning("service.handing_back", messages=left)
    with suppress(TimeoutError, StoreUnavailable):
        async with asyncio.timeout(FLUSH_TIMEOUT_S):
            await service.recorder.flush()


async def _prepare(service: Service) -> None:
    """Create the store's indexes, as soon as it answers."""
    while True:
        try:
            await service.store.prepare(service.settings.attempts.retention_days)
        except StoreUnavailable as error:
            log.warning("store.not_prepared", error=str(error))
            await asyncio.sleep(PREPARE_AGAIN_S)
        else:
            return


def _registry() -> CollectorRegistry:
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    return registry
