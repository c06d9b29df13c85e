"""The service put together: plain constructor calls, top to bottom."""

from collections.abc import Mapping
from dataclasses import dataclass

from service.adapters.http.uri_guard import ResolvingGuard
from service.adapters.mongo.audit import MongoAuditLog
from service.adapters.mongo.health import MongoWebhookHealth
from service.adapters.mongo.watch import Watch
from service.dialects.dialect import Dialects
from service.management.audit import Audit
from service.observability.metrics import Metrics
from service.pipeline.ask.asker import Asker
from service.pipeline.ask.check import AnswerCheck
from service.pipeline.limits.holders import holders
from service.pipeline.live.feed import LiveFeed
from service.pipeline.outcomes.disable import Disabler
from service.pipeline.outcomes.report import Reporter
from service.settings.model import Settings
from service.wiring.broker import Broker, broker_of, publisher_of
from service.wiring.lanes import Lanes, lanes_of
from service.wiring.live import Live, live_of
from service.wiring.parts import registry
from service.wiring.sending import ASKS, DELIVERIES, EVENTS, Sending, sending_of
from service.wiring.storage import Storage, storage_of


@dataclass(frozen=True, slots=True)
class Service:
    """The running parts that the life cycle and the health checks need."""

    settings: Settings
    dialects: Dialects
    metrics: Metrics
    storage: Storage
    sending: Sending
    broker: Broker
    lanes: Lanes
    disabler: Disabler
    watch: Watch
    live_streams: Live
    asker: Asker

    async def live(self) -> Mapping[str, str]:
        """Return the state of each lane: failing where messages are held and none is settled."""
        limit_s = self.settings.health.stall_s
        return {lane.name: lane.state(limit_s) for lane in self.lanes}

    async def ready(self) -> Mapping[str, str]:
        """Return the state of each dependency."""
        missing = self.broker.bindings.missing
        return {
            "broker_consuming": "ok" if self.broker.consumer.consuming else "not consuming",
            "broker_publishing": self.broker.publishing_state,
            "topology": self.broker.consumer.upkeep.problem or "ok",
            "bindings": "ok" if not missing else f"exchange missing: {', '.join(missing)}",
            "store": "ok" if self.storage.store.up else "does not answer",
        }

    async def holders(self) -> Mapping[str, object]:
        """Return who holds the places for requests, and who waits for one."""
        places = self.sending.places
        return holders((places[EVENTS], places[DELIVERIES]), self.sending.endpoints)


def build(settings: Settings, dialects: Dialects, *, shadow: bool = False) -> Service:
    """Return the service, wired and not started. Must be called inside a running event loop.

    In the shadow of another service no request leaves, and no switch is answered.
    """
    dialects = dialects.unasked() if shadow else dialects
    hooks = [(hook.source, hook.hook_id) for hook in dialects.hooks.values()]
    metrics = Metrics(registry(), hooks)
    storage = storage_of(settings, dialects, metrics)
    sending = sending_of(settings, metrics, shadow=shadow)
    publisher = publisher_of(settings, dialects, metrics)
    disabler = Disabler(
        settings.disable,
        settings.retry.tiers_ms[-1] / 1000,
        storage.directory,
        MongoWebhookHealth(storage.store),
        publisher,
        dialects,
        metrics,
        Audit(MongoAuditLog(storage.store)).note_disabled,
    )
    live = live_of(settings, dialects, metrics)
    asker = _asker(settings, dialects, metrics, storage, sending, live.feed)
    lanes = lanes_of(
        settings, dialects, metrics, storage, sending, disabler, publisher, live.feed, asker
    )
    broker = broker_of(settings, dialects, metrics, lanes, publisher)
    watch = _watch(settings, storage, sending, disabler)
    return Service(
        settings, dialects, metrics, storage, sending, broker, lanes, disabler, watch, live, asker
    )


def _asker(
    settings: Settings,
    dialects: Dialects,
    metrics: Metrics,
    storage: Storage,
    sending: Sending,
    feed: LiveFeed,
) -> Asker:
    guard = ResolvingGuard(settings.egress, settings.own_ports)
    return Asker(
        attempter=sending.attempter,
        check=AnswerCheck(guard, settings.answers),
        reporter=Reporter(storage.attempt_writer, metrics, feed),
        dialects=dialects,
        places=sending.places[ASKS],
        metrics=metrics,
    )


def _watch(settings: Settings, storage: Storage, sending: Sending, disabler: Disabler) -> Watch:
    def deleted(webhook_id: str) -> None:
        storage.directory.note_deleted(webhook_id)
        sending.attempter.in_flight.cut(webhook_id)

    return Watch(
        storage.client,
        settings.mongo.database,
        settings.cache.poll_interval_s,
        on_account=storage.directory.forget,
        on_webhook=storage.directory.forget_webhook,
        on_deleted=deleted,
        on_failing=disabler.learn,
        on_gap=storage.directory.forget_all,
    )
