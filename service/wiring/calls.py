"""The parts that follow calls: sequence, order, summaries and lost ends."""

from collections.abc import Callable
from dataclasses import dataclass

from service.adapters.mongo.conversations import MongoConversations
from service.adapters.mongo.held import MongoHeldDeliveries
from service.dialects.dialect import Dialects
from service.domain.call_policy import CallPolicy
from service.observability.metrics import Metrics
from service.pipeline.calls.ends import CallEnds
from service.pipeline.calls.follow import CallFollower
from service.pipeline.calls.notes import CallNotes
from service.pipeline.calls.order import Ordering
from service.pipeline.calls.recount import Recount
from service.pipeline.calls.watchdog import CallWatchdog
from service.pipeline.deliver import Deliverer
from service.pipeline.events import EventWork
from service.pipeline.lanes import Lane
from service.ports import Conversations, LegChecks
from service.wiring.sending import EVENTS, Sending
from service.wiring.storage import Storage


@dataclass(frozen=True, slots=True)
class Calls:
    """The parts that the event lane uses, and the store that they share."""

    conversations: Conversations
    follower: CallFollower
    ordering: Ordering


def calls_of(
    policy: CallPolicy,
    dialects: Dialects,
    storage: Storage,
    sending: Sending,
    deliverer: Deliverer,
) -> Calls:
    """Return the parts; they are used only for accounts with a webhook that wants them."""
    conversations = MongoConversations(storage.store, policy.kept_s)
    availability = deliverer.availability
    notes = CallNotes(conversations, availability)
    follower = CallFollower(dialects, conversations, notes, availability, policy, deliverer.metrics)
    ordering = Ordering(
        deliverer,
        MongoHeldDeliveries(storage.store),
        conversations,
        dialects,
        sending.places[EVENTS],
        policy.most_waiting,
    )
    return Calls(conversations, follower, ordering)


def recount_of(
    policy: CallPolicy,
    calls: Calls,
    events: Lane,
    dialects: Dialects,
    switches: LegChecks,
    metrics: Metrics,
) -> Recount:
    """Return what compares our legs with the switches' after an interruption."""
    waiting: Callable[[], int] = lambda: events.waiting  # noqa: E731
    sources = dialects.leg_questions
    return Recount(calls.conversations, switches, sources, waiting, metrics, policy)


def ends_of(policy: CallPolicy, calls: Calls, events: EventWork, switches: LegChecks) -> CallEnds:
    """Return what looks at conversations whose time has come."""
    deliver, metrics = events.deliver_own, events.metrics
    watchdog = CallWatchdog(
        calls.conversations, switches, events.dialects, deliver, metrics, policy
    )
    return CallEnds(calls.conversations, deliver, watchdog, metrics, policy)
