"""The console put together on the parts of the API and of the service: plain constructor calls."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from aiohttp import web

from service.adapters.mongo.records import MongoRecords
from service.adapters.rabbitmq.backlogs import Backlogs
from service.adapters.rabbitmq.topology.queues import Names, queues
from service.api.http.calls import Calls
from service.api.http.gatekeeper import Gatekeeper
from service.api.http.operation import Operation
from service.console.application import console_application, outer_routes
from service.console.ports import SettingInForce, Watched
from service.console.rendering import Templates
from service.console.visit import Console, Streams
from service.management.dead_letters import DeadLetters
from service.management.glance import Glance
from service.management.search import Search
from service.management.sessions import Sessions
from service.settings.in_force import settings_in_force
from service.wiring.service import Service


@dataclass(frozen=True, slots=True)
class Shared:
    """Parts that API and console have in common."""

    operations: Sequence[Operation]
    gatekeeper: Gatekeeper
    sessions: Sessions
    glance: Glance
    letters: DeadLetters


def add_console(application: web.Application, service: Service, shared: Shared) -> None:
    """Serve the console under `/console` of the application, and `/` and `/v2/docs`."""
    console = console_of(service, shared)
    application.add_routes(outer_routes(console))
    application.add_subapp("/console", console_application(console))


def console_of(service: Service, shared: Shared) -> Console:
    """Return the console of the service."""
    settings = service.settings
    records = MongoRecords(service.storage.store)
    return Console(
        operations=Calls(shared.operations, shared.gatekeeper, tuple(service.dialects.hooks)),
        gate=shared.gatekeeper,
        sessions=shared.sessions,
        watched=_watched(service),
        glance=shared.glance,
        search=Search(records, service.dialects),
        letters=shared.letters,
        dialects=service.dialects,
        pages=Templates(),
        frame_ancestors=settings.console.frame_ancestors,
        session_lifetime=timedelta(hours=settings.console.session_hours),
        body_timeout_s=settings.api.body_timeout_s,
        streams=Streams(),
    )


def _watched(service: Service) -> Watched:
    settings = service.settings
    names = queues(Names(settings.amqp.prefix), settings.retry.tiers_ms, settings.amqp.partitions)
    backlogs = Backlogs(settings.amqp.urls[0], tuple(names))
    shown = [
        SettingInForce(one.key, one.value, one.origin, one.changed)
        for one in settings_in_force(settings)
    ]
    return Watched(service.live, service.ready, service.holders, backlogs.all, shown)
