"""The service put together: plain constructor calls, top to bottom."""

from collections.abc import Mapping
from dataclasses import dataclass

from service.adapters.http.sender import HttpSender
from service.adapters.http.shadow_sender import ShadowSender
from service.adapters.mongo.health import MongoWebhookHealth
from service.adapters.mongo.logs import MongoAttemptLog, MongoDeadLetters
from service.adapters.mongo.store import Client, Store
from service.adapters.mongo.suspects import MongoSuspectCounts
from service.adapters.mongo.watch import Watch
from service.adapters.mongo.webhooks import MongoWebhooks
from service.adapters.rabbitmq.consuming.consumer import Consumer, Subscription
from service.adapters.rabbitmq.consuming.depths import LOOK_EVERY_S
from service.adapters.rabbitmq.diagnosis import ALARM
from service.adapters.rabbitmq.link import Link
from service.adapters.rabbitmq.publishing.publisher import Publisher
from service.adapters.rabbitmq.topology.bindings import Bindings
from service.adapters.rabbitmq.topology.queues import Names
from service.adapters.secret_box import SecretBox
from service.dialects.dialect import Dialects
from service.observability.metrics import Metrics
from service.pipeline.accounts.current import CurrentWebhooks
from service.pipeline.accounts.directory import RememberedDirectory
from service.pipeline.attempt import Attempter
from service.pipeline.dead_letters import DeadLetterWork
from service.pipeline.deferrals import Deferrals
from service.pipeline.deliver import Deliverer
from service.pipeline.events import EventWork
from service.pipeline.ingest import Ingest
from service.pipeline.lanes import Lane, Work
from service.pipeline.limits.endpoints import Endpoints
from service.pipeline.limits.holders import holders
from service.pipeline.limits.pace import Pace
from service.pipeline.limits.places import Places
from service.pipeline.limits.window import Window
from service.pipeline.outcomes.attempt_writer import AttemptWriter
from service.pipeline.outcomes.disable import Disabler
from service.pipeline.outcomes.report import Reporter
from service.pipeline.recovery.availability import Availability
from service.pipeline.recovery.finished import FinishedDeliveries
from service.pipeline.recovery.suspects import Suspects
from service.pipeline.request.access_tokens import AccessTokens
from service.pipeline.retries import RetryWork
from service.ports import Directory, Tracer
from service.settings.model import Settings
from service.wiring.parts import (
    database_of,
    link_of,
    mongo_client_of,
    permissions_of,
    registry,
    secret_box_of,
    sender_of,
    tracer_of,
)

DEAD_LETTER_PREFETCH = 50
TEST_PLACES = 16
"""Requests that the API makes at a time because somebody wants to see a webhook tested."""


@dataclass(frozen=True, slots=True)
class Service:
    """The running parts that the life cycle and the health checks need."""

    settings: Settings
    metrics: Metrics
    store: Store
    mongo_client: Client
    secret_box: SecretBox
    watch: Watch
    attempt_writer: AttemptWriter
    disabler: Disabler
    sender: HttpSender | ShadowSender
    tracer: Tracer
    attempter: Attempter
    pace: Pace
    endpoints: Endpoints
    event_places: Places
    retry_places: Places
    test_places: Places
    publisher: Publisher
    directory: RememberedDirectory
    dialects: Dialects
    lanes: tuple[Lane, ...]
    bindings: Bindings
    consumer: Consumer
    consuming: Link
    publishing: Link

    async def live(self) -> Mapping[str, str]:
        """Return the state of each lane: failing where messages are held and none is settled."""
        limit_s = self.settings.health.stall_s
        return {lane.name: lane.state(limit_s) for lane in self.lanes}

    async def ready(self) -> Mapping[str, str]:
        """Return the state of each dependency."""
        missing = self.bindings.missing
        return {
            "broker_consuming": "ok" if self.consumer.consuming else "not consuming",
            "broker_publishing": self._publishing(),
            "topology": self.consumer.upkeep.problem or "ok",
            "bindings": "ok" if not missing else f"exchange missing: {', '.join(missing)}",
            "store": "ok" if self.store.up else "does not answer",
        }

    async def holders(self) -> Mapping[str, object]:
        """Return who holds the places for requests, and who waits for one."""
        return holders((self.event_places, self.retry_places), self.endpoints)

    def _publishing(self) -> str:
        if not self.publishing.up:
            return "not connected"
        return ALARM if self.publisher.blocked else "ok"


def build(settings: Settings, dialects: Dialects, *, shadow: bool = False) -> Service:
    """Return the service, wired and not started. Must be called inside a running event loop.

    In the shadow of another service no request leaves.
    """
    hooks = [(hook.source, hook.hook_id) for hook in dialects.hooks.values()]
    metrics = Metrics(registry(), hooks)
    store = Store(database_of(settings), metrics)
    secret_box = secret_box_of(settings)
    directory = RememberedDirectory(
        MongoWebhooks(store, secret_box, dialects.default_source), settings.cache, metrics
    )
    mongo_client = mongo_client_of(settings)
    attempt_writer = _attempt_writer(settings, store, mongo_client, metrics)
    sender = sender_of(settings, metrics, shadow=shadow)
    publisher = Publisher(Names(settings.amqp.prefix), settings.amqp.publish_timeout_s, metrics)
    health = MongoWebhookHealth(store)
    longest_s = settings.retry.tiers_ms[-1] / 1000
    disabler = Disabler(
        settings.disable, longest_s, directory, health, publisher, dialects, metrics
    )
    tracer = tracer_of(settings)
    attempter = Attempter(sender, AccessTokens(sender), tracer)
    http = settings.http
    pace = Pace()
    endpoints = Endpoints(http.per_endpoint_limit, settings.breaker, metrics, pace.now)
    for_retries = max(1, round(http.pool_limit * http.retry_share))
    events, retries, tests = (
        Places(lane, count, http.longest_wait_s, endpoints, metrics)
        for lane, count in (
            ("events", http.pool_limit - for_retries),
            ("deliveries", for_retries),
            ("tests", TEST_PLACES),
        )
    )
    availability = Availability(metrics)
    deliverer = Deliverer(
        attempter=attempter,
        queues=publisher,
        reporter=Reporter(attempt_writer, metrics),
        disabler=disabler,
        webhooks=CurrentWebhooks(directory, availability),
        policy=settings.retry,
        finished=FinishedDeliveries(),
        metrics=metrics,
        availability=availability,
        deferrals=Deferrals(publisher, availability),
    )
    lanes = _lanes(settings, directory, deliverer, store, dialects, events, retries)
    consumer, bound = _consumer(settings, metrics, lanes, dialects)
    needed = permissions_of(settings, dialects)
    publisher.on_returned = consumer.upkeep.look_now
    return Service(
        settings=settings,
        metrics=metrics,
        store=store,
        mongo_client=mongo_client,
        secret_box=secret_box,
        watch=_watch(settings, mongo_client, directory, disabler, attempter),
        attempt_writer=attempt_writer,
        disabler=disabler,
        sender=sender,
        tracer=tracer,
        attempter=attempter,
        pace=pace,
        endpoints=endpoints,
        event_places=events,
        retry_places=retries,
        test_places=tests,
        publisher=publisher,
        directory=directory,
        dialects=dialects,
        lanes=lanes,
        bindings=bound,
        consumer=consumer,
        consuming=link_of("consume", settings, consumer.session, metrics, needed),
        publishing=link_of("publish", settings, publisher.session, metrics, needed),
    )


def _attempt_writer(
    settings: Settings, store: Store, mongo_client: Client, metrics: Metrics
) -> AttemptWriter:
    attempts = settings.attempts
    attempt_log = MongoAttemptLog(store, mongo_client, keep_payloads=attempts.keep_payloads)
    return AttemptWriter(
        attempt_log, metrics, attempts.buffer_rows, record_successes=attempts.record_successes
    )


def _lanes(
    settings: Settings,
    directory: Directory,
    deliverer: Deliverer,
    store: Store,
    dialects: Dialects,
    event_places: Places,
    retry_places: Places,
) -> tuple[Lane, Lane, Lane]:
    """Return the lanes of events, deliveries and dead letters, each with its work."""
    metrics, availability, queues = deliverer.metrics, deliverer.availability, deliverer.queues
    poison_after, counts = settings.amqp.poison_after, MongoSuspectCounts(store)
    events = EventWork(
        ingest=Ingest(dialects, directory),
        directory=directory,
        deliverer=deliverer,
        finished=deliverer.finished,
        metrics=metrics,
        availability=availability,
        dialects=dialects,
        places=event_places,
        tracer=deliverer.attempter.tracer,
    )
    retries = RetryWork(
        deliverer=deliverer,
        finished=deliverer.finished,
        dialects=dialects,
        places=retry_places,
    )
    dead_letters_work = DeadLetterWork(MongoDeadLetters(store), availability)
    amqp = settings.amqp

    def lane(name: str, work: Work, in_progress: int) -> Lane:
        window = Window(in_progress, amqp.window_messages, amqp.window_bytes)
        suspects = Suspects(poison_after, counts)
        return Lane(
            name,
            work,
            window,
            queues,
            metrics,
            availability,
            suspects,
            pace=event_places.endpoints.now,
        )

    return (
        lane("events", events, amqp.prefetch),
        lane("deliveries", retries, amqp.delivery_prefetch),
        lane("dead_letters", dead_letters_work, DEAD_LETTER_PREFETCH),
    )


def _consumer(
    settings: Settings, metrics: Metrics, lanes: tuple[Lane, Lane, Lane], dialects: Dialects
) -> tuple[Consumer, Bindings]:
    names, amqp = Names(settings.amqp.prefix), settings.amqp
    events, deliveries, dead_letters_work = lanes
    subscriptions = [
        Subscription(queue, prefetch, lane.window_size, lane.accept, lane.note_waiting)
        for queue, prefetch, lane in (
            (names.events, amqp.prefetch, events),
            (names.deliveries, amqp.delivery_prefetch, deliveries),
            (names.dead, DEAD_LETTER_PREFETCH, dead_letters_work),
        )
    ]
    bound = Bindings(names.events, dialects.bindings, metrics, may_declare=amqp.declare_sources)
    # Often enough for the health check to notice in time.
    look_s = min(LOOK_EVERY_S, settings.health.stall_s / 4)
    tiers_ms = settings.retry.tiers_ms
    return Consumer(names, tiers_ms, subscriptions, bound, metrics, look_s), bound


def _watch(
    settings: Settings,
    client: Client,
    directory: RememberedDirectory,
    disabler: Disabler,
    attempter: Attempter,
) -> Watch:
    return Watch(
        client,
        settings.mongo.database,
        settings.cache.poll_interval_s,
        on_account=directory.forget,
        on_webhook=directory.forget_webhook,
        on_deleted=attempter.in_flight.cut,
        on_failing=disabler.learn,
        on_gap=directory.forget_all,
    )
