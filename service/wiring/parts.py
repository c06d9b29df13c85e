"""The parts that stand alone: store, secret box, tracer, sender, links to the broker."""

import importlib

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector

from service.adapters.http.sender import HttpSender
from service.adapters.http.shadow_sender import ShadowSender
from service.adapters.mongo.store import Client, Database, open_client, open_database
from service.adapters.rabbitmq.link import Link, Session
from service.adapters.rabbitmq.topology.partitions import Partitions
from service.adapters.rabbitmq.topology.permissions import Permissions, permissions
from service.adapters.rabbitmq.topology.queues import Names
from service.adapters.secret_box import SecretBox
from service.dialects.dialect import Dialects
from service.domain.errors import SettingsError
from service.observability.metrics import Metrics
from service.observability.tracing import PassingOn
from service.ports import Tracer
from service.settings.model import Settings


def tracer_of(settings: Settings) -> Tracer:
    """Return the tracer. Raises SettingsError where its packages are missing."""
    tracing = settings.tracing
    if tracing.otlp_url is None:
        return PassingOn()
    try:
        otel = importlib.import_module("service.adapters.otel")
    except ImportError as error:
        problem = f"tracing.otlp_url: needs the packages of switchhook[otel] ({error.name})"
        raise SettingsError([problem]) from error
    tracer: Tracer = otel.OtelTracer(tracing.otlp_url, tracing.sample_ratio)
    return tracer


def sender_of(settings: Settings, metrics: Metrics, *, shadow: bool) -> HttpSender | ShadowSender:
    """Return the sender; in the shadow of another service it sends nothing."""
    if shadow:
        return ShadowSender(settings.egress, settings.own_ports)
    return HttpSender(settings.http, settings.egress, metrics, settings.tls, settings.own_ports)


def permissions_of(settings: Settings, dialects: Dialects) -> Permissions:
    """Return the permissions that our user needs on the broker."""
    asked = [questions.binding for questions in dialects.asked.values()]
    sources = [binding.exchange for binding in (*dialects.bindings, *asked)]
    serving = [server.queue for _, server in dialects.served]
    return permissions(settings.amqp.prefix, sources, dialects.announcing_exchanges, serving)


def partitions_of(settings: Settings, dialects: Dialects) -> Partitions:
    """Return the partitions of the event queue."""
    amqp = settings.amqp
    return Partitions(Names(amqp.prefix), amqp.partitions, tuple(dialects.bindings))


def link_of(
    name: str, settings: Settings, session: Session, metrics: Metrics, needed: Permissions
) -> Link:
    """Return a connection to the broker that reconnects by itself."""
    return Link(name, settings.amqp.urls, session, metrics, needed)


def database_of(settings: Settings) -> Database:
    """Return the store's database; connects when first used."""
    mongo = settings.mongo
    return open_database(mongo.url.get_secret_value(), mongo.database, mongo.timeout_s)


def mongo_client_of(settings: Settings) -> Client:
    """Return the client that attempts are written by; connects when first used."""
    mongo = settings.mongo
    return open_client(mongo.url.get_secret_value(), mongo.timeout_s)


def secret_box_of(settings: Settings) -> SecretBox:
    """Return the secret box that encrypts the secrets in the store."""
    return SecretBox(settings.secrets.named(), settings.secrets.signing())


def registry() -> CollectorRegistry:
    """Return a registry with the metrics of the process itself."""
    made = CollectorRegistry()
    ProcessCollector(registry=made)
    PlatformCollector(registry=made)
    GCCollector(registry=made)
    return made
