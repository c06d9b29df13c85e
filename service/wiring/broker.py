"""The parts around RabbitMQ: one connection consumes, the other publishes."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from service.adapters.rabbitmq.consuming.consumer import Consumer, EventLane
from service.adapters.rabbitmq.consuming.depths import LOOK_EVERY_S
from service.adapters.rabbitmq.consuming.event_queues import EventQueues
from service.adapters.rabbitmq.consuming.subscription import Subscription
from service.adapters.rabbitmq.diagnosis import ALARM
from service.adapters.rabbitmq.link import Link
from service.adapters.rabbitmq.publishing.publisher import Publisher
from service.adapters.rabbitmq.topology.bindings import Bindings
from service.adapters.rabbitmq.topology.queues import QUESTIONS, SWITCH_QUESTIONS, Names
from service.dialects.binding import Binding
from service.dialects.dialect import Dialects
from service.observability.metrics import Metrics
from service.pipeline.lanes import Lane
from service.settings.model import Settings
from service.wiring.lanes import DEAD_LETTER_PREFETCH, REQUEST_PREFETCH, Lanes
from service.wiring.parts import link_of, partitions_of, permissions_of

MOST_PREFETCH = 65_535
"""AMQP 0-9-1 sends a prefetch in 16 bits."""


@dataclass(frozen=True, slots=True)
class Broker:
    """Both connections, and what runs on them."""

    consumer: Consumer
    bindings: Bindings
    publisher: Publisher
    consuming: Link
    publishing: Link

    @property
    def publishing_state(self) -> str:
        """Return `ok`, or why nothing can be published."""
        if not self.publishing.up:
            return "not connected"
        return ALARM if self.publisher.blocked else "ok"


def publisher_of(settings: Settings, dialects: Dialects, metrics: Metrics) -> Publisher:
    """Return the publisher, not connected yet."""
    names, timeout_s = Names(settings.amqp.prefix), settings.amqp.publish_timeout_s
    return Publisher(names, timeout_s, metrics, dialects.leg_questions)


def broker_of(
    settings: Settings, dialects: Dialects, metrics: Metrics, lanes: Lanes, publisher: Publisher
) -> Broker:
    """Return the parts; the queues of the lanes are consumed, the switches' exchanges bound."""
    names, amqp = Names(settings.amqp.prefix), settings.amqp
    subscriptions = [
        Subscription(queue, prefetch, lane.window_size, lane.accept, lane.note_waiting)
        for queue, prefetch, lane in (
            (names.deliveries, amqp.delivery_prefetch, lanes.deliveries),
            (names.dead, DEAD_LETTER_PREFETCH, lanes.dead_letters),
        )
    ]
    ours: dict[str, dict[str, Any]] = {names.ask: QUESTIONS}
    ours |= {names.asked(source): SWITCH_QUESTIONS for source in dialects.asked}
    subscriptions += [
        Subscription(
            queue,
            REQUEST_PREFETCH,
            lane.window_size,
            lane.accept,
            lane.note_waiting,
            arguments=ours.get(queue, {}),
        )
        for queue, lane in lanes.requests.items()
    ]
    bound = (*dialects.bindings, *_asked(dialects, names))
    partitions = partitions_of(settings, dialects)
    bindings = Bindings(
        names.events,
        bound,
        metrics,
        may_declare=amqp.declare_sources,
        partitions=partitions,
    )
    # Four looks within `health.stall_s`, so that the health check notices in time.
    look_s = min(LOOK_EVERY_S, settings.health.stall_s / 4)
    queues = EventQueues(partitions, bindings, lanes.events.note_waiting, look_s)
    events = _event_lane(settings, lanes.events, queues)
    consumer = Consumer(
        names, settings.retry.tiers_ms, subscriptions, bindings, metrics, look_s, events
    )
    publisher.on_returned = consumer.upkeep.look_now
    needed = permissions_of(settings, dialects)
    return Broker(
        consumer,
        bindings,
        publisher,
        consuming=link_of("consume", settings, consumer.session, metrics, needed),
        publishing=link_of("publish", settings, publisher.session, metrics, needed),
    )


def _asked(dialects: Dialects, names: Names) -> Iterator[Binding]:
    """Yield the bindings of the queues of the switches' questions."""
    for source, questions in dialects.asked.items():
        yield replace(questions.binding, queue=names.asked(source))


def _event_lane(settings: Settings, lane: Lane, queues: EventQueues) -> EventLane:
    """Return how the event lane is consumed; all partitions together have one window."""
    amqp, events = settings.amqp, Names(settings.amqp.prefix).events
    held = min(max(amqp.prefetch, amqp.window_messages // amqp.partitions), MOST_PREFETCH)
    return EventLane(
        queues,
        Subscription(events, amqp.prefetch, lane.window_size, lane.accept, lane.note_waiting),
        Subscription(events, held, lambda: held, lane.accept, lane.note_waiting),
    )
