"""Interfaces that the pipeline needs, in domain words; the adapters implement them."""

from collections.abc import Collection, Mapping, Sequence
from types import TracebackType
from typing import Any, Protocol, Self

from service.domain.call import Conversation, Happening
from service.domain.delivery import Attempt, DeadLetter, Delivery, Request, Response
from service.domain.disable import HealthReport
from service.domain.errors import RejectReason
from service.domain.held import HeldDelivery
from service.domain.leg_state import LegState
from service.domain.pause import KeptDelivery
from service.domain.provision import Provision
from service.domain.publication import Publication
from service.domain.reply import Reply
from service.domain.webhook import Account, Webhook


class Incoming(Protocol):
    """An unacknowledged message; the broker keeps it until the acknowledgement."""

    exchange: str
    routing_key: str
    body: bytes
    content_encoding: str | None
    redelivered: bool
    deliveries: int
    """Earlier deliveries of the message by the broker to workers that did not settle it; but for
    those that this worker's own lost connections explain."""
    traceparent: str | None
    """Trace that the switch put the message in; see `domain.trace`."""

    @property
    def reply_to(self) -> str | None:
        """The queue that a reply is expected in."""

    @property
    def correlation_id(self) -> str | None:
        """The id that the reply repeats."""

    def ack(self) -> None:
        """Acknowledge the message within milliseconds.

        Does nothing if the connection that brought the message is lost: the broker redelivers.
        """

    async def tell(self) -> None:
        """Send all acknowledgements that are due on the message's channel now."""

    async def refuse(self) -> None:
        """Have the broker move the message to the rejected queue; on a lost connection as `ack`."""


class WebhookStore(Protocol):
    """Store of accounts, webhooks and numbers. Every method raises StoreUnavailable."""

    async def account(self, account_id: str) -> Account:
        """Return the account with its enabled webhooks; without a document it has no ancestors."""

    async def webhook(self, webhook_id: str) -> Webhook | None:
        """Return the stored webhook, enabled or not."""

    async def account_of_number(self, number: str) -> str | None:
        """Return the id of the account that owns a dialled number."""


class Directory(Protocol):
    """Cache of the webhook store. Every coroutine raises StoreUnavailable."""

    def remembered(self, account_id: str) -> Account | None:
        """Return the account if it is cached and fresh, whoever waits for it; costs no await."""

    def at_once(self, account_id: str) -> Account | None:
        """Return the same, but None while others wait for the account, as they go first."""

    async def account(self, account_id: str) -> Account:
        """Return the account, from the store if it is not cached; who waits first goes on first."""

    async def webhook(self, account_id: str, webhook_id: str) -> Webhook | None:
        """Return the webhook, enabled or not, with every change that the store has reported."""

    def is_deleted(self, webhook_id: str) -> bool:
        """Return whether the store has reported that the webhook is gone; costs no await."""

    def forget(self, account_id: str) -> None:
        """Drop an account that has changed from the cache."""

    async def account_of_number(self, number: str) -> str | None:
        """Return the id of the account that owns a dialled number."""


class Provisions(Protocol):
    """Store of the destinations that switches manage. Every method raises StoreUnavailable."""

    async def keep(self, provision: Provision) -> None:
        """Store what a switch told, unless something newer is known. Idempotent."""

    async def scoped(self, scope_id: str) -> Mapping[str, Any] | None:
        """Return the document of the webhook of a scope, or None."""


class LinkGuard(Protocol):
    """Judges the URLs inside of documents by the egress rules."""

    async def refusal(self, uri: str, *, https_only: bool = False) -> str | None:
        """Return the rule that forbids a URL, or None."""


class Sender(Protocol):
    """Makes HTTP requests."""

    async def send(self, request: Request) -> Response:
        """Make one attempt. Failures of the receiver or the network are returned, never raised.

        Raises NothingSent if this machine cannot send.
        """


class Queues(Protocol):
    """The service's own queues. Every coroutine returns once the broker has confirmed the message.

    Raises BrokerUnavailable without a confirm; the caller must call again.
    """

    async def retry(self, deliveries: Sequence[Delivery], delay_ms: int) -> None:
        """Publish deliveries of one event to the tier that returns them after `delay_ms`."""

    async def dead_letter(self, letters: Sequence[DeadLetter]) -> None:
        """Publish dead letters of one event to the dead-letter queue."""

    async def reject(self, incoming: Incoming, reason: RejectReason, detail: str) -> None:
        """Publish the unchanged message to the rejected queue, with the reason in its headers."""

    async def revive(self, delivery: Delivery) -> None:
        """Publish the delivery for an attempt at once."""


class SwitchBus(Protocol):
    """Publishes as the services of a switch do."""

    async def publish(self, publication: Publication) -> None:
        """Return once the broker has confirmed the message. Raises BrokerUnavailable.

        Of a `wanted` one the broker confirms that a queue has it.
        """

    async def reply(self, reply: Reply) -> bool:
        """Publish a reply; return whether it was sent. Never raises, and nothing is stored."""


class SuspectCounts(Protocol):
    """Number of tries of each suspect message, over all workers. Raises StoreUnavailable."""

    async def begin(self, body: bytes) -> int:
        """Count a try of the message that is about to begin; return the number of earlier ones."""


class ToldSteps(Protocol):
    """Latest status that a webhook was told of each row, over all workers; see `pipeline.steps`.

    Every method raises StoreUnavailable.
    """

    async def begin(self, row: str, rank: int, event_id: str) -> bool:
        """Return whether a status may be told, and note that it is being sent. Atomic.

        It may where none of its rank or a higher one was told, except by the same event.
        """

    async def earlier_is_sent(self, row: str, rank: int) -> bool:
        """Return whether a status of a lower rank is being sent now."""

    async def end(self, row: str, rank: int) -> None:
        """Note that a status is settled: accepted, given up, or in a queue."""


class WebhookHealth(Protocol):
    """Recent failures and successes of webhooks, over all workers. Raises StoreUnavailable."""

    async def tell(self, reports: Sequence[HealthReport]) -> Mapping[str, Sequence[float]]:
        """Store the reports; return all workers' failures since the last success, by webhook.

        Failures are unix seconds, of the webhooks whose reports have failures. A report that is
        stored twice counts once.
        """

    async def disable(self, webhook_id: str, reason: str) -> bool:
        """Disable the webhook; return whether it was enabled."""


class Conversations(Protocol):
    """Store of conversations, shared by all workers. Every method raises StoreUnavailable."""

    async def note(self, happenings: Sequence[Happening]) -> Sequence[Conversation]:
        """Add events to their conversations; return each one's conversation after that.

        Idempotent: an event that is known already changes nothing.
        """

    async def of_legs(self, account_id: str, call_ids: Sequence[str]) -> Sequence[Conversation]:
        """Return the account's conversations with any of these legs, by `precedence`."""

    async def join(self, kept: Conversation, other: Conversation) -> None:
        """Move the legs of the second conversation to the first one. Idempotent.

        Nothing is moved while the first one is joined to another itself.
        """

    async def one(self, key: str) -> Conversation | None:
        """Return the conversation with this key."""

    async def settle(self, key: str, event_id: str, webhook_id: str) -> Conversation | None:
        """Note that an event is settled for an ordered webhook; return the conversation."""

    async def look(self, key: str, at: float) -> None:
        """Have the conversation looked at, at this time, in unix seconds."""

    async def due(
        self, now: float, until: float, limit: int, without: Sequence[str] = ()
    ) -> Sequence[Conversation]:
        """Return conversations to be looked at by now; no other worker gets them `until` then.

        Those of accounts in `without` are left out.
        """

    async def keep(self, keys: Sequence[str], until: float) -> None:
        """Keep other workers from conversations that are still being looked at."""

    async def looked(self, conversation: Conversation, again: float | None) -> None:
        """End a look, and set the next one, if any, unless an event that came meanwhile has."""

    async def followed(self, source: str, after: str, limit: int) -> Sequence[Conversation]:
        """Return conversations of a switch that are still looked at, by key, after a key."""

    async def checked(self, key: str, call_id: str, asked: int, at: float) -> None:
        """Note that the switch was asked about a leg, and how often in a row it said it is gone."""

    async def told(self, conversation: Conversation, revision: int, digest: str) -> None:
        """End a look, note that a summary was sent, and look no more, as `looked` does."""


class LegChecks(Protocol):
    """Asks switches over the bus."""

    async def ask(self, source: str, leg: str) -> LegState:
        """Return what a switch says of a leg. Never raises: without an answer it is unknown."""

    async def listed(self, source: str) -> Collection[str] | None:
        """Return all legs that the switches have; None without an answer. Never raises."""

    async def connected(self) -> None:
        """Wait for a connection that is newer than the one of the last call."""


class HeldDeliveries(Protocol):
    """Store of deliveries that wait for their turn. Every method raises StoreUnavailable."""

    async def hold(self, held: HeldDelivery) -> None:
        """Store a delivery durably; one that is stored already stays as it is."""

    async def take(self, delivery_id: str, until: float) -> HeldDelivery | None:
        """Return a delivery that no attempt was made for, and keep others from it `until` then.

        Returns None where there is none, or another worker has it.
        """

    async def due(self, now: float, limit: int) -> Sequence[HeldDelivery]:
        """Return deliveries whose time has come, oldest first."""

    async def take_due(self, held: HeldDelivery, until: float) -> bool:
        """Take one of those that are `due`; return whether no other worker was faster."""

    async def keep(self, delivery_ids: Sequence[str], until: float) -> None:
        """Keep others from deliveries that are under way for longer."""

    async def put_off(self, delivery: Delivery, due_at: float) -> None:
        """Store the delivery as it is now; its next attempt is due at this time."""

    async def wait(self, delivery_id: str, due_at: float) -> None:
        """Give back a delivery that was taken too early, and look at it again at this time."""

    async def crowded(self, lane: str) -> HeldDelivery | None:
        """Return the oldest delivery of a lane that may be dropped and has not begun."""

    async def has(self, delivery_id: str) -> bool:
        """Return whether a delivery is held."""

    async def drop(self, delivery_id: str) -> None:
        """Remove a delivery that is settled."""


class Backlogs(Protocol):
    """Store of the deliveries of paused webhooks. Every method raises StoreUnavailable."""

    async def keep(self, deliveries: Sequence[Delivery], at: float) -> None:
        """Store deliveries durably, as arrived at this time; one that is kept stays in its place.

        Idempotent; of one that is kept already, the attempts made since are noted.
        """

    async def waiting(self) -> Sequence[str]:
        """Return the ids of the webhooks that have a backlog."""

    async def oldest(self, webhook_id: str, limit: int) -> Sequence[KeptDelivery]:
        """Return the deliveries that arrived first, in order of arrival."""

    async def count(self, webhook_id: str) -> int:
        """Return how many deliveries a webhook has in its backlog."""

    async def total(self) -> int:
        """Return about how many deliveries all backlogs have."""

    async def drop(self, kept: KeptDelivery) -> None:
        """Remove a delivery that is settled, unless it was kept once more meanwhile."""

    async def mark(self, webhook_ids: Sequence[str]) -> None:
        """Mark webhooks as having a backlog, for all workers."""

    async def unmark(self, webhook_id: str) -> None:
        """Remove the mark, and the lease."""

    async def lease(self, webhook_id: str, now: float, until: float) -> bool:
        """Keep other workers from a backlog `until` then; return whether none has it now."""

    async def prolong(self, webhook_ids: Sequence[str], until: float) -> None:
        """Keep others from backlogs for longer."""

    async def release(self, webhook_id: str, until: float) -> None:
        """Give a backlog back; no worker looks at it again `until` then."""


class OperatorPauses(Protocol):
    """Store of the pauses of endpoints and accounts. Raises StoreUnavailable."""

    async def in_force(self) -> tuple[frozenset[str], frozenset[str]]:
        """Return the paused accounts, and the paused endpoints as `scheme://host:port`."""


class Announcer(Protocol):
    """Publishes on the switch's own exchanges."""

    async def announce(self, exchange: str, routing_key: str, body: Mapping[str, Any]) -> None:
        """Publish with a short timeout. Best effort: never raises."""


class Span(Protocol):
    """A span of a trace that is still open: `with tracer.span(...) as span`."""

    traceparent: str

    def note(self, **attributes: str | int | None) -> None:
        """Set attributes of the span; those that are None are left out."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...


class Tracer(Protocol):
    """Records spans, or only passes the trace context on."""

    def span(self, name: str, above: str | None) -> Span:
        """Begin a child of the span that the `traceparent` names; without one, begin a trace."""

    def close(self) -> None:
        """Export the spans that wait; may take seconds, and may be called in a thread."""


class AttemptLog(Protocol):
    """Store of attempts for people to read."""

    async def write(self, attempts: Sequence[Attempt]) -> None:
        """Store all attempts, in any order. Raises StoreUnavailable; some may be stored then."""


class DeadLetterStore(Protocol):
    """Store of dead letters for people to read and replay."""

    async def file(self, letters: Sequence[DeadLetter]) -> None:
        """Store the dead letters; idempotent. Raises StoreUnavailable."""
