"""The management API put together on the running service: plain constructor calls."""

import resource
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from aiohttp import web

from service.adapters.http.uri_guard import ResolvingGuard
from service.adapters.mongo.audit import MongoAuditLog
from service.adapters.mongo.backlogs import MongoBacklogs
from service.adapters.mongo.conversations import MongoConversations
from service.adapters.mongo.health import MongoWebhookHealth
from service.adapters.mongo.held import MongoHeldDeliveries
from service.adapters.mongo.history import MongoAttemptHistory, MongoDeadLetterArchive
from service.adapters.mongo.management import MongoAccounts, MongoWebhookDocuments
from service.adapters.mongo.pauses import MongoPauses
from service.adapters.mongo.recent_events import MongoRecentEvents
from service.adapters.mongo.rejected import MongoRejected
from service.adapters.mongo.replays import MongoReplays, MongoTokens
from service.adapters.mongo.tallies import MongoTallies
from service.adapters.mongo.workers import MongoWorkers
from service.adapters.rabbitmq.rejected import RejectedQueue
from service.adapters.rabbitmq.topology.queues import Names
from service.api.description.openapi import description_operation
from service.api.http.application import api_application
from service.api.http.ask import AskEndpoint
from service.api.http.clients import Clients
from service.api.http.connections import ConnectionLimits, Connections, most_connections
from service.api.http.gatekeeper import Gatekeeper
from service.api.http.limits import RateLimit
from service.api.http.operation import Operation, operations_of
from service.api.resources import (
    attempts,
    audits,
    calls,
    dead_letters,
    dry_runs,
    event_matches,
    glances,
    hooks,
    pauses,
    portal,
    rejected,
    schemas,
    streams,
    tokens,
    webhooks,
    workers,
)
from service.api.resources.foreign_webhooks import ForeignWebhooks
from service.api.shapes.pages import Pages
from service.dialects.foreign_tokens import foreign_tokens
from service.dialects.token_check import CheckedTokens
from service.management.attempts import Attempts
from service.management.audit import Audit
from service.management.authentication import Authentication
from service.management.calls import Calls
from service.management.dead_letters import DeadLetters
from service.management.glance import Glance
from service.management.pauses import OperatorPauses
from service.management.rejected import RejectedMessages
from service.management.replay_runner import ReplayRunner
from service.management.sessions import Sessions
from service.management.webhooks import Webhooks
from service.management.workers import Workers
from service.pipeline.dry_run.sample_sender import SampleSender
from service.settings.model import Settings
from service.wiring.console import Shared, add_console
from service.wiring.sending import TESTS
from service.wiring.service import Service

OTHER_DESCRIPTORS = 128
"""Descriptors for broker, store, files, and connections refused right after accepting them."""
MANY = 1_000_000


@dataclass(frozen=True, slots=True)
class Api:
    """The parts of the API that must be run or closed."""

    application: web.Application
    runner: ReplayRunner
    foreign: Sequence[CheckedTokens]

    async def close(self) -> None:
        """Close all connections."""
        for check in self.foreign:
            await check.close()


def connections_for(settings: Settings) -> Connections:
    """Return the limits of the API's port; the descriptors for deliveries are reserved."""
    api = settings.api
    descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if descriptors == resource.RLIM_INFINITY:
        descriptors = MANY
    # Beside every request in flight the pool may hold an idle connection.
    reserved = 2 * settings.http.pool_limit + OTHER_DESCRIPTORS
    limits = ConnectionLimits(
        api.header_timeout_s,
        api.idle_timeout_s,
        most_connections(api.max_connections, descriptors, reserved),
        api.max_connections_per_address,
    )
    return Connections(limits, Clients(api.trusted_proxies))


def build_api(service: Service) -> Api:
    """Return the API of the service. Must be called inside a running event loop."""
    settings, store = service.settings, service.storage.store
    hook_ids = (*service.dialects.hooks, *service.dialects.questions)
    audit = Audit(MongoAuditLog(store))
    letters = DeadLetters(
        MongoDeadLetterArchive(store), MongoReplays(store), service.broker.publisher, audit
    )
    stored_tokens = MongoTokens(store)
    auth = settings.api.auth
    foreign = foreign_tokens(auth.crossbar_url, auth.crossbar_cache_s, settings.voipbin)
    authentication = Authentication(stored_tokens, foreign)
    sessions = _sessions_of(settings, stored_tokens, authentication, audit)
    glance = Glance(MongoTallies(store))
    operations, foreign_operations = _operations(service, letters, glance, sessions, audit)
    gatekeeper = Gatekeeper(
        authentication,
        MongoAccounts(store),
        RateLimit(settings.api.rate_per_s, settings.api.burst),
        Clients(settings.api.trusted_proxies),
    )
    every = [*operations, description_operation(operations, hook_ids), *foreign_operations]
    application = api_application(
        every, gatekeeper, settings.api.max_body_bytes, settings.api.body_timeout_s, hook_ids
    )
    application.add_routes(_ask_endpoint(service, gatekeeper).routes())
    add_console(application, service, Shared(every, gatekeeper, sessions, glance, letters))
    return Api(application, ReplayRunner(letters), foreign)


def _ask_endpoint(service: Service, gatekeeper: Gatekeeper) -> AskEndpoint:
    """Return what answers the questions of switches."""
    settings, directory = service.settings, service.storage.directory
    guesses = RateLimit(settings.api.rate_per_s, settings.api.burst)
    return AskEndpoint(service.asker, directory, service.dialects, guesses, gatekeeper.clients)


def _sessions_of(
    settings: Settings, stored: MongoTokens, authentication: Authentication, audit: Audit
) -> Sessions:
    """Return the use cases of the console's sessions and links."""
    return Sessions(
        stored,
        authentication,
        audit,
        timedelta(hours=settings.console.session_hours),
        timedelta(minutes=settings.console.portal_link_minutes),
    )


def _operations(
    service: Service, letters: DeadLetters, glance: Glance, sessions: Sessions, audit: Audit
) -> tuple[list[Operation], list[Operation]]:
    """Return our own operations, and those of the switches' collections."""
    settings, store = service.settings, service.storage.store
    subscriptions = _webhooks(service, audit)
    pages = Pages(settings.api.page_size, settings.api.max_page_size)
    log = Attempts(MongoAttemptHistory(store), service.dialects)
    sample_sender = SampleSender(
        service.sending.attempter,
        service.storage.attempt_writer,
        service.dialects,
        service.sending.places[TESTS],
        service.live_streams.feed,
    )
    directory, dialects = service.storage.directory, service.dialects
    own = operations_of(
        hooks.HookHandlers(dialects, settings.freshness),
        schemas.SchemaHandlers(dialects),
        dry_runs.DryRunHandlers(subscriptions, directory, sample_sender, service.asker, dialects),
        event_matches.EventMatchHandlers(
            subscriptions, MongoRecentEvents(store), directory, dialects
        ),
        attempts.AttemptHandlers(log, letters, subscriptions, pages),
        dead_letters.LetterHandlers(letters, pages),
        calls.CallHandlers(
            Calls(MongoConversations(store, settings.calls.kept_s), MongoHeldDeliveries(store))
        ),
        streams.StreamHandlers(
            service.live_streams.hub, subscriptions, dialects, settings.api.streams
        ),
        tokens.TokenHandlers(),
        glances.GlanceHandlers(glance),
        audits.AuditHandlers(audit, pages),
        rejected.RejectedHandlers(_rejected(service, audit), pages),
        workers.WorkerHandlers(Workers(MongoWorkers(store))),
        portal.PortalHandlers(sessions, settings.console_url),
        pauses.PauseHandlers(OperatorPauses(MongoPauses(store), audit)),
        webhooks.WebhookHandlers(subscriptions, pages, MongoBacklogs(store)),
    )
    collections = [one.collection for one in dialects.enabled if one.collection is not None]
    foreign = [ForeignWebhooks(collection, subscriptions) for collection in collections]
    return own, [operation for one in foreign for operation in one.operations()]


def _rejected(service: Service, audit: Audit) -> RejectedMessages:
    """Return the use cases of rejected messages."""
    amqp = service.settings.amqp
    names = Names(amqp.prefix)
    return RejectedMessages(
        MongoRejected(service.storage.store),
        RejectedQueue(amqp.urls, names),
        service.broker.publisher,
        audit,
        (names.events, names.deliveries, names.dead),
    )


def _webhooks(service: Service, audit: Audit) -> Webhooks:
    """Return the use cases of webhooks."""
    settings, store = service.settings, service.storage.store
    documents = MongoWebhookDocuments(store, service.storage.secret_box)
    return Webhooks(
        documents=documents,
        disabled=documents,
        health=MongoWebhookHealth(store),
        accounts=MongoAccounts(store),
        guard=ResolvingGuard(settings.egress, settings.own_ports),
        audit=audit,
        hooks=service.dialects.hooks,
        questions=service.dialects.questions,
        default_source=service.dialects.default_source,
        disable_policy=settings.disable,
        most_per_account=settings.api.max_webhooks_per_account,
        makes_key_pairs=service.storage.secret_box.makes_key_pairs,
        https_for_new_accounts=settings.egress.https_for_new_accounts,
        forget=service.storage.directory.forget,
    )
