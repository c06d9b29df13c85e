"""The parts of the live streams: what a worker tells the others, and what it hands its clients."""

import secrets
from dataclasses import dataclass

from service.adapters.rabbitmq.link import Link
from service.adapters.rabbitmq.live import LiveBus
from service.adapters.rabbitmq.topology.queues import Names
from service.dialects.dialect import Dialects
from service.observability.metrics import Metrics
from service.pipeline.live.feed import LiveFeed
from service.pipeline.live.hub import LiveHub
from service.settings.model import Settings
from service.wiring.parts import link_of, permissions_of


@dataclass(frozen=True, slots=True)
class Live:
    """The feed of this worker, the streams of its clients, and the connection between workers."""

    feed: LiveFeed
    hub: LiveHub
    link: Link


def live_of(settings: Settings, dialects: Dialects, metrics: Metrics) -> Live:
    """Return the parts, not connected yet."""
    bus = LiveBus(Names(settings.amqp.prefix))
    feed = LiveFeed(bus.send, secrets.token_hex(8), settings.api.streams.rate_per_s)
    hub = LiveHub(bus, feed, settings.api.streams, metrics)
    bus.on_message, bus.on_connected = hub.receive, hub.connected
    needed = permissions_of(settings, dialects)
    return Live(feed, hub, link_of("live", settings, bus.session, metrics, needed))
