"""The life of the service: start, run, stop.

Stop order: take no more messages in; finish what is in flight until the grace period is over; the
rest goes back to the broker when its connection closes. Then the sender, the store's log, and the
broker's publishing connection last.
"""

import asyncio
import gc
import time
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import (
    AbstractAsyncContextManager,
    AsyncExitStack,
    asynccontextmanager,
    suppress,
)
from dataclasses import replace
from typing import Any

import structlog
from aiohttp import web

from service.adapters.http.descriptors import raise_descriptor_limit, requests_possible
from service.adapters.http.tls import examine_tls
from service.adapters.mongo.check import examine_store
from service.adapters.mongo.server import examine_server
from service.adapters.rabbitmq.check import examine_broker
from service.adapters.rabbitmq.tolerance import install_tolerant_decoders
from service.adapters.rabbitmq.topology.policies import Management, examine_policies
from service.adapters.rabbitmq.topology.queues import Names
from service.api.http.health import health_routes, metrics_routes, places_route
from service.api.http.server import serve, serve_at, serve_on, with_routes
from service.dialects.dialect import Dialects
from service.dialects.known import dialects_of
from service.domain.errors import StoreUnavailable
from service.domain.finding import Finding, Severity
from service.observability.loop_lag import measure_loop_lag
from service.settings.model import Settings
from service.wiring.api import build_api, connections_for
from service.wiring.needs import needs_of
from service.wiring.parts import database_of, partitions_of, permissions_of, secret_box_of
from service.wiring.service import Service, build
from service.wiring.workers import heartbeat_of
from service.workers.health import WorkersHealth
from service.workers.identity import WorkerIdentity

PREPARE_AGAIN_S = 2.0
FLUSH_TIMEOUT_S = 3.0
MEASURE_EVERY_S = 1.0

Server = AbstractAsyncContextManager[None]

log = structlog.get_logger(__name__)


async def run(
    settings: Settings,
    stop: asyncio.Event,
    identity: WorkerIdentity | None = None,
    *,
    shadow: bool = False,
    dialects: Dialects | None = None,
) -> None:
    """Run the service until `stop` is set: by itself, or in its place among other workers.

    In the shadow of another service everything is done but the requests. `dialects` stand in for
    those of the settings.

    Raises TopologyConflict where the broker has our queues with other arguments, and
    SwitchhookError where a port is taken.
    """
    install_tolerant_decoders()
    settings = _as_large_as_possible(settings)
    service = build(settings, dialects or dialects_of(settings), shadow=shadow)
    api, metrics = settings.api, settings.metrics
    async with AsyncExitStack() as stack:
        stack.callback(service.storage.store.close)
        stack.push_async_callback(service.storage.client.close)
        stack.push_async_callback(service.sending.sender.close)
        await service.sending.sender.prepare()
        stack.push_async_callback(asyncio.to_thread, service.sending.tracer.close)
        heart = heartbeat_of(service, None if identity is None else identity.number)
        stack.push_async_callback(heart.leave)
        management = build_api(service)
        stack.push_async_callback(management.close)
        for server in _servers(service, management.application, identity):
            await stack.enter_async_context(server)
        others = {"run replays": management.runner.run(), "beat": heart.run()}
        if identity is None or identity.number == 1:
            others["count legs"] = service.lanes.recount.run()
        async with asyncio.TaskGroup() as tasks, _background(tasks, service, others):
            _leave_startup_to_itself()
            consuming = tasks.create_task(service.broker.consuming.run(), name="consume")
            if shadow:
                log.warning("service.shadow", note="no request leaves; attempts end as shadowed")
            log.info("service.started", api=f"{api.host}:{api.port}", metrics=metrics.port)
            await stop.wait()
            service.live_streams.hub.stop()
            await _wind_down(service)
            consuming.cancel()
    log.info("service.stopped")


def _as_large_as_possible(settings: Settings) -> Settings:
    """Raise the limit of open files; return the settings with the pool that the limit allows."""
    wanted = settings.http.pool_limit
    possible = requests_possible(wanted, raise_descriptor_limit())
    if possible == wanted:
        return settings
    remedy = "raise the limit of open files (LimitNOFILE), or lower http.pool_limit"
    log.warning("pool.smaller", wanted=wanted, pool_limit=possible, remedy=remedy)
    http = replace(settings.http, pool_limit=possible)
    return settings.model_copy(update={"http": http})


async def examine(settings: Settings) -> list[Finding]:
    """Return the findings of `switchhook check` about files, broker and store."""
    install_tolerant_decoders()
    dialects = dialects_of(settings)
    partitions = partitions_of(settings, dialects)
    needed, needs = permissions_of(settings, dialects), tuple(needs_of(settings, dialects))
    findings = [*examine_tls(settings.tls)]
    for url in settings.amqp.urls:
        broker = examine_broker(url, settings.retry.tiers_ms, partitions, needed, needs)
        findings += [finding async for finding in broker]
    findings += await _policies(settings)
    database = database_of(settings)
    findings += [finding async for finding in examine_store(database, secret_box_of(settings))]
    database.client.close()
    return findings


async def _policies(settings: Settings) -> list[Finding]:
    """Return the findings about policies on our queues."""
    amqp = settings.amqp
    url = None if amqp.management_url is None else amqp.management_url.get_secret_value()
    management = Management(url, amqp.urls[0])
    return await examine_policies(
        management, Names(amqp.prefix), settings.retry.tiers_ms, amqp.partitions
    )


async def _tell_policies(settings: Settings) -> None:
    """Log at the start which policies break our queues, if the management API can be asked."""
    if settings.amqp.management_url is not None:
        for finding in await _policies(settings):
            _tell(finding)


def _servers(
    service: Service, application: web.Application, identity: WorkerIdentity | None
) -> list[Server]:
    """Return the servers of this process."""
    if identity is None:
        return _alone(service, application)
    return _among_workers(service, application, identity)


def _alone(service: Service, application: web.Application) -> list[Server]:
    """Return the servers of a service of one process."""
    api, metrics = service.settings.api, service.settings.metrics
    with_health = with_routes(health_routes(service.live, service.ready), application)
    numbers = with_routes(
        [*metrics_routes(service.metrics.registry), places_route(service.holders)]
    )
    return [
        serve(with_health, api.host, api.port, connections_for(service.settings)),
        serve(numbers, metrics.host, metrics.port),
    ]


def _among_workers(
    service: Service, application: web.Application, identity: WorkerIdentity
) -> list[Server]:
    """Return the servers of a worker: its own, and its share of the common API port."""
    workers = WorkersHealth(identity.directory, identity.count)
    own = with_routes([*health_routes(service.live, service.ready), places_route(service.holders)])
    common = with_routes(health_routes(workers.live, workers.ready), application)
    connections = connections_for(service.settings)
    return [
        serve_at(identity.health_socket, own),
        serve_on(identity.sockets(), common, connections),
    ]


def _leave_startup_to_itself() -> None:
    """Exempt the objects made so far from garbage collection, and collect rarely.

    Objects that refer to each other in a circle are rare here: the work of 60,000 deliveries left
    too few for one collection. A collection after every 5,000 new objects only searched those of
    deliveries under way, which took a fifth of the time of a delivery to ten webhooks.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 2, 400)


@asynccontextmanager
async def _background(
    tasks: asyncio.TaskGroup, service: Service, others: Mapping[str, Coroutine[Any, Any, None]]
) -> AsyncIterator[None]:
    """Run everything that must outlive the consuming connection, and stop it in order."""
    running = [
        tasks.create_task(service.broker.publishing.run(), name="publish"),
        tasks.create_task(service.live_streams.link.run(), name="link live streams"),
        tasks.create_task(service.live_streams.hub.run(), name="announce live streams"),
        tasks.create_task(_prepare(service), name="prepare the store"),
        tasks.create_task(_tell_policies(service.settings), name="look at the policies"),
        tasks.create_task(service.watch.run(), name="watch the store"),
        tasks.create_task(service.storage.attempt_writer.run(), name="write attempts"),
        tasks.create_task(service.storage.upkeep.run(), name="drop old attempts"),
        tasks.create_task(service.disabler.run(), name="count failures"),
        *(tasks.create_task(work, name=name) for name, work in others.items()),
        tasks.create_task(service.sending.pace.run(), name="keep pace"),
        tasks.create_task(service.sending.endpoints.tidy(), name="tidy the endpoints"),
        tasks.create_task(service.sending.asked_endpoints.tidy(), name="tidy the asked"),
        *(
            tasks.create_task(places.sweep(), name="sweep the lines")
            for places in service.sending.places.values()
        ),
        tasks.create_task(_note_measured(service), name="note what is measured"),
        tasks.create_task(measure_loop_lag(service.metrics.loop_lag), name="measure the loop"),
        tasks.create_task(service.lanes.ordering.run(), name="send ordered deliveries"),
        tasks.create_task(service.lanes.pauses.run(), name="follow pauses"),
        tasks.create_task(service.lanes.resuming.run(), name="send backlogs"),
        tasks.create_task(service.lanes.ends.run(), name="look at calls"),
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
    await service.broker.consumer.stop()
    service.lanes.batches.hurry()
    deadline = time.monotonic() + grace_s
    for lane in service.lanes:
        with suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, deadline - time.monotonic())):
                await lane.drain()
    await service.broker.consumer.tell()
    left = sum(lane.unsettled for lane in service.lanes)
    if left:
        log.warning("service.handing_back", messages=left)
    with suppress(TimeoutError, StoreUnavailable):
        async with asyncio.timeout(FLUSH_TIMEOUT_S):
            await service.storage.attempt_writer.flush()
            await service.disabler.flush()


async def _prepare(service: Service) -> None:
    """Look at the store and create its indexes, as soon as it answers."""
    said: set[Finding] = set()
    store = service.storage.store
    while True:
        try:
            for finding in await store.ask(examine_server(store.database)):
                if finding not in said:
                    said.add(finding)
                    _tell(finding)
            settings = service.settings
            await store.prepare(settings.attempts.retention_days, settings.audit.retention_days)
        except StoreUnavailable as error:
            log.warning("store.not_prepared", error=str(error), remedy=error.remedy)
            await asyncio.sleep(PREPARE_AGAIN_S)
        else:
            return


def _tell(finding: Finding) -> None:
    """Log a finding: an error where the service cannot work, a warning where it can."""
    said = {"about": finding.about, "error": finding.text, "remedy": finding.remedy}
    if finding.severity is Severity.PROBLEM:
        log.error("start.problem", **said)
    elif finding.severity is Severity.WARNING:
        log.warning("start.warning", **said)


async def _note_measured(service: Service) -> None:
    """Copy measured values into the metrics every second."""
    while True:
        service.metrics.note_measured()
        await asyncio.sleep(MEASURE_EVERY_S)
