"""The life of the service: start, run, stop.

Stop order: take no more messages in; finish what is in flight until the grace period is over; the
rest goes back to the broker when its connection closes. Then the sender, the store's log, and the
broker's publishing connection last.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress

import structlog

from service.adapters.mongo_check import examine_store
from service.adapters.rabbitmq_check import examine_broker
from service.adapters.rabbitmq_tolerance import install_tolerant_decoders
from service.adapters.rabbitmq_topology import Names
from service.adapters.tls import examine_tls
from service.api.health import health_routes, metrics_routes
from service.api.server import serve
from service.domain.errors import StoreUnavailable
from service.domain.finding import Finding
from service.management.replay_runner import ReplayRunner
from service.settings.model import Settings
from service.sources.catalogue import bindings
from service.wiring import Service, build, database_of
from service.wiring_api import build_api

PREPARE_AGAIN_S = 2.0
FLUSH_TIMEOUT_S = 3.0

log = structlog.get_logger(__name__)


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
        management = build_api(service)
        stack.push_async_callback(management.close)
        api, metrics = settings.api, settings.metrics
        routes = health_routes(service.live, service.ready)
        server = serve(routes, api.host, api.port, management.application)
        await stack.enter_async_context(server)
        routes = metrics_routes(service.metrics.registry)
        await stack.enter_async_context(serve(routes, metrics.host, metrics.port))
        async with asyncio.TaskGroup() as tasks, _background(tasks, service, management.runner):
            consuming = tasks.create_task(service.consuming.run(), name="consume")
            log.info("service.started", api=f"{api.host}:{api.port}", metrics=metrics.port)
            await stop.wait()
            await _wind_down(service)
            consuming.cancel()
    log.info("service.stopped")


async def examine(settings: Settings) -> list[Finding]:
    """Return what `switchhook check` has to say about files, broker and store."""
    install_tolerant_decoders()
    names = Names(settings.amqp.prefix)
    findings = [*examine_tls(settings.tls)]
    for url in settings.amqp.urls:
        broker = examine_broker(url, names, settings.retry.tiers_ms, bindings(settings.kazoo))
        findings += [finding async for finding in broker]
    database = database_of(settings)
    findings += [finding async for finding in examine_store(database)]
    database.client.close()
    return findings


@asynccontextmanager
async def _background(
    tasks: asyncio.TaskGroup, service: Service, replays: ReplayRunner
) -> AsyncIterator[None]:
    """Run everything that must outlive the consuming connection, and stop it in order."""
    running = [
        tasks.create_task(service.publishing.run(), name="publish"),
        tasks.create_task(_prepare(service), name="prepare the store"),
        tasks.create_task(service.watch.run(), name="watch the store"),
        tasks.create_task(service.recorder.run(), name="write attempts"),
        tasks.create_task(replays.run(), name="run replays"),
        tasks.create_task(service.attempter.gates.tidy(), name="tidy the gates"),
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
