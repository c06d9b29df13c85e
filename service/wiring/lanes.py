"""The three lanes, each with its work and its prefetch window."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from service.adapters.mongo.backlogs import MongoBacklogs
from service.adapters.mongo.logs import MongoDeadLetters
from service.adapters.mongo.pauses import MongoPauses
from service.adapters.mongo.provisions import MongoProvisions
from service.adapters.mongo.suspects import MongoSuspectCounts
from service.adapters.mongo.told_steps import MongoToldSteps
from service.adapters.rabbitmq.publishing.publisher import Publisher
from service.adapters.rabbitmq.topology.queues import Names
from service.dialects.dialect import Dialects
from service.observability.metrics import Metrics
from service.pipeline.accounts.current import CurrentWebhooks
from service.pipeline.accounts.managed import ManagedWebhooks
from service.pipeline.ask.asker import Asker
from service.pipeline.ask.bus import BusAsks
from service.pipeline.ask.switch import SwitchAsks
from service.pipeline.backlog.keep import Backlog
from service.pipeline.backlog.pauses import Pauses
from service.pipeline.backlog.resume import Resuming
from service.pipeline.batching import Batches
from service.pipeline.calls.ends import CallEnds
from service.pipeline.calls.order import Ordering
from service.pipeline.calls.recount import Recount
from service.pipeline.coalescing import Bursts
from service.pipeline.dead_letters import DeadLetterWork
from service.pipeline.deferrals import Deferrals
from service.pipeline.deliver import Deliverer
from service.pipeline.events import EventWork
from service.pipeline.ingest import Ingest
from service.pipeline.lanes import Lane, Work
from service.pipeline.limits.window import Window
from service.pipeline.live.feed import LiveFeed
from service.pipeline.outcomes.disable import Disabler
from service.pipeline.outcomes.report import Reporter
from service.pipeline.recovery.availability import Availability
from service.pipeline.recovery.finished import FinishedDeliveries
from service.pipeline.recovery.returned import Returned
from service.pipeline.recovery.suspects import Suspects
from service.pipeline.retries import RetryWork
from service.pipeline.rpc import RpcWork
from service.pipeline.steps import Steps
from service.ports import Queues
from service.settings.model import Settings
from service.wiring.calls import Calls, calls_of, ends_of, recount_of
from service.wiring.sending import ASKS, DELIVERIES, EVENTS, Sending
from service.wiring.storage import Storage

DEAD_LETTERS = "dead_letters"
DEAD_LETTER_PREFETCH = 50
REQUEST_PREFETCH = 100
ASK_PREFETCH = 500


@dataclass(frozen=True, slots=True)
class Lanes:
    """The lanes by the queue that each consumes."""

    events: Lane
    deliveries: Lane
    dead_letters: Lane
    requests: Mapping[str, Lane]
    """Lanes of questions, and of requests from the switches' services, by their queue."""
    ordering: Ordering
    ends: CallEnds
    recount: Recount
    resuming: Resuming
    batches: Batches
    pauses: Pauses

    def __iter__(self) -> Iterator[Lane]:
        return iter((self.events, self.deliveries, self.dead_letters, *self.requests.values()))


def lanes_of(
    settings: Settings,
    dialects: Dialects,
    metrics: Metrics,
    storage: Storage,
    sending: Sending,
    disabler: Disabler,
    publisher: Publisher,
    feed: LiveFeed,
    asker: Asker,
) -> Lanes:
    """Return the lanes; events and deliveries have shares of the pool of their own."""
    amqp, availability = settings.amqp, Availability(metrics)
    reporter = Reporter(storage.attempt_writer, metrics, feed)
    backlogs = MongoBacklogs(storage.store)
    pauses = Pauses(MongoPauses(storage.store), availability)
    backlog = Backlog(backlogs, pauses, availability, metrics)
    deliverer = _deliverer(
        settings, reporter, availability, storage, sending, disabler, publisher, backlog
    )
    calls = calls_of(settings.calls, dialects, storage, sending, deliverer)
    events, deliveries = _works(dialects, storage, sending, deliverer, feed, calls)
    dead_letters = DeadLetterWork(MongoDeadLetters(storage.store), availability)
    counts = MongoSuspectCounts(storage.store)

    def lane(name: str, work: Work, prefetch: int, returned: Returned | None = None) -> Lane:
        window = Window(prefetch, amqp.window_messages, amqp.window_bytes)
        suspects = Suspects(amqp.poison_after, counts)
        pace = sending.pace.now
        return Lane(
            name,
            work,
            window,
            publisher,
            metrics,
            availability,
            suspects,
            pace=pace,
            returned=returned,
        )

    event_lane = lane(EVENTS, events, amqp.prefetch, events.returned)
    checks = publisher.leg_checks
    return Lanes(
        events=event_lane,
        deliveries=lane(DELIVERIES, deliveries, amqp.delivery_prefetch),
        dead_letters=lane(DEAD_LETTERS, dead_letters, DEAD_LETTER_PREFETCH),
        requests={
            queue: lane(name, work, prefetch)
            for queue, name, work, prefetch in (
                *_served(dialects, publisher, availability),
                *_asks(settings, dialects, storage, publisher, asker),
            )
        },
        ordering=calls.ordering,
        batches=deliverer.batches,
        ends=ends_of(settings.calls, calls, events, checks),
        recount=recount_of(settings.calls, calls, event_lane, dialects, checks, metrics),
        resuming=Resuming(
            deliverer, backlogs, pauses, dialects, sending.places[DELIVERIES], settings.pause
        ),
        pauses=pauses,
    )


Request = tuple[str, str, Work, int]
"""Queue, name, work and prefetch of a lane of requests."""


def _served(
    dialects: Dialects, publisher: Publisher, availability: Availability
) -> Iterator[Request]:
    """Yield the lanes with requests of a switch's services."""
    for dialect, server in dialects.served:
        work = RpcWork(dialect, server, publisher.switch_bus, publisher, availability)
        yield server.queue, f"{dialect.name}_requests", work, REQUEST_PREFETCH


def _asks(
    settings: Settings, dialects: Dialects, storage: Storage, publisher: Publisher, asker: Asker
) -> Iterator[Request]:
    """Yield the lanes of questions: ours, and one for each switch."""
    names, directory, bus = Names(settings.amqp.prefix), storage.directory, publisher.switch_bus
    public_url, most_bytes = settings.api.public_url or "", settings.amqp.max_message_bytes
    own = BusAsks(asker, directory, dialects, bus, public_url)
    yield names.ask, ASKS, own, ASK_PREFETCH
    for source, questions in dialects.asked.items():
        work = SwitchAsks(questions, asker, directory, dialects, bus, most_bytes)
        yield names.asked(source), f"{source}_asks", work, ASK_PREFETCH


def _deliverer(
    settings: Settings,
    reporter: Reporter,
    availability: Availability,
    storage: Storage,
    sending: Sending,
    disabler: Disabler,
    queues: Queues,
    backlog: Backlog,
) -> Deliverer:
    window = Window(
        settings.amqp.prefetch, settings.amqp.window_messages, settings.amqp.window_bytes
    )
    webhooks = CurrentWebhooks(storage.directory, availability)
    # A lane whose messages all wait in a batch must not count as stalled.
    longest_s = settings.health.stall_s / 2
    return Deliverer(
        attempter=sending.attempter,
        queues=queues,
        reporter=reporter,
        disabler=disabler,
        webhooks=webhooks,
        policy=settings.retry,
        finished=FinishedDeliveries(),
        metrics=reporter.metrics,
        availability=availability,
        deferrals=Deferrals(queues, availability),
        batches=Batches(sending.attempter, webhooks, disabler, window, longest_s, reporter.metrics),
        backlog=backlog,
        freshness=settings.freshness,
    )


def _works(
    dialects: Dialects,
    storage: Storage,
    sending: Sending,
    deliverer: Deliverer,
    feed: LiveFeed,
    calls: Calls,
) -> tuple[EventWork, RetryWork]:
    steps = Steps(MongoToldSteps(storage.store), deliverer.availability)
    events = EventWork(
        ingest=Ingest(dialects, storage.directory),
        directory=storage.directory,
        managed=ManagedWebhooks(
            MongoProvisions(storage.store, storage.secret_box),
            storage.directory,
            deliverer.availability,
        ),
        bursts=Bursts(deliverer.metrics),
        deliverer=deliverer,
        finished=deliverer.finished,
        metrics=deliverer.metrics,
        availability=deliverer.availability,
        dialects=dialects,
        places=sending.places[EVENTS],
        tracer=sending.tracer,
        steps=steps,
        calls=calls.follower,
        ordering=calls.ordering,
        returned=calls.follower.returned,
        feed=feed,
    )
    deliveries = RetryWork(
        deliverer=deliverer,
        finished=deliverer.finished,
        dialects=dialects,
        places=sending.places[DELIVERIES],
        steps=steps,
    )
    return events, deliveries
