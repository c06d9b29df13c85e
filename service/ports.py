"""The interfaces that the pipeline needs, in its own words; the adapters implement them."""

from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Protocol, Self

from service.domain.delivery import Attempt, DeadLetter, Delivery, Request, Response
from service.domain.disable import HealthReport
from service.domain.errors import RejectReason
from service.domain.webhook import Account, Webhook


class Incoming(Protocol):
    """An unacknowledged message; the broker keeps it until the acknowledgement."""

    exchange: str
    routing_key: str
    body: bytes
    content_encoding: str | None
    redelivered: bool
    deliveries: int
    """How often the broker handed the message out before, to workers that did not settle it."""
    traceparent: str | None
    """Of the trace that the switch says it belongs to; see `domain.trace`."""

    def ack(self) -> None:
        """Have the broker told, very soon, that all is settled.

        Does nothing where the connection that brought the message is gone: the broker redelivers.
        """

    async def tell(self) -> None:
        """Have the broker told now of all that was settled on the message's channel."""

    async def refuse(self) -> None:
        """Have the broker move the message to the rejected queue itself; otherwise as `ack`."""


class WebhookStore(Protocol):
    """Where accounts, webhooks and numbers are kept. Every method raises StoreUnavailable."""

    async def account(self, account_id: str) -> Account:
        """Return the account with its enabled webhooks; one without a document has no ancestors."""

    async def webhook(self, webhook_id: str) -> Webhook | None:
        """Return a webhook, enabled or not, as it is now."""

    async def account_of_number(self, number: str) -> str | None:
        """Return the id of the account that owns a dialled number."""


class Directory(Protocol):
    """The webhook store, remembered. Every coroutine raises StoreUnavailable."""

    def remembered(self, account_id: str) -> Account | None:
        """Return the account where it is known and fresh; costs no await on the hot path."""

    async def account(self, account_id: str) -> Account:
        """Return the account, asking the store where needed."""

    async def webhook(self, account_id: str, webhook_id: str) -> Webhook | None:
        """Return the webhook, enabled or not, with the changes that the store has told of."""

    def forget(self, account_id: str) -> None:
        """Drop an account: it has changed."""

    async def account_of_number(self, number: str) -> str | None:
        """Return the id of the account that owns a dialled number."""


class Sender(Protocol):
    """Makes HTTP requests."""

    async def send(self, request: Request) -> Response:
        """Make one attempt. Never raises for anything the receiver or the network does.

        Raises NothingSent where it is this machine that cannot.
        """


class Queues(Protocol):
    """Our own queues. Every coroutine returns once the broker has confirmed the message.

    Raises BrokerUnavailable where that did not happen: call again.
    """

    async def retry(self, deliveries: Sequence[Delivery], delay_ms: int) -> None:
        """Have deliveries of one event come back to their lane after one of the tiers' delays."""

    async def dead_letter(self, letters: Sequence[DeadLetter]) -> None:
        """Hand given-up deliveries of one event to the dead-letter queue."""

    async def reject(self, incoming: Incoming, reason: RejectReason, detail: str) -> None:
        """Move a message as it is to the rejected queue, with the reason in its headers."""


class SuspectCounts(Protocol):
    """How often suspects were tried, counted over all workers. Raises StoreUnavailable."""

    async def begin(self, body: bytes) -> int:
        """Note that a message is about to be tried; return how often it was before."""


class WebhookHealth(Protocol):
    """How webhooks have fared lately, counted over all workers. Raises StoreUnavailable."""

    async def tell(self, reports: Sequence[HealthReport]) -> Mapping[str, Sequence[float]]:
        """Note what is reported; return the failures since the last success, of all workers.

        As unix seconds, by webhook, of those that report failures. Told twice counts once.
        """

    async def disable(self, webhook_id: str, reason: str) -> bool:
        """Switch the webhook off; return whether it was on until now."""


class Announcer(Protocol):
    """Publishes on the switch's own exchanges."""

    async def announce(self, exchange: str, routing_key: str, body: Mapping[str, Any]) -> None:
        """Publish without waiting for long. Best effort: never raises."""


class Span(Protocol):
    """A part of a trace, while it lasts: `with tracer.span(...) as span`."""

    traceparent: str

    def note(self, **attributes: str | int | None) -> None:
        """Keep what is worth knowing about it."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...


class Tracer(Protocol):
    """Records what takes how long, or has others do so."""

    def span(self, name: str, above: str | None) -> Span:
        """Begin a span below the one that a `traceparent` names; without one, begin a trace."""

    def close(self) -> None:
        """Let nothing wait any longer; may take seconds, and may be called in a thread."""


class AttemptLog(Protocol):
    """Where attempts are kept for people to see."""

    async def write(self, attempts: Sequence[Attempt]) -> None:
        """Store all of them, in any order. Raises StoreUnavailable, then some may be stored."""


class DeadLetterStore(Protocol):
    """Where dead letters are kept for people to see and replay."""

    async def file(self, letters: Sequence[DeadLetter]) -> None:
        """Store them; filing one twice is filing it once. Raises StoreUnavailable."""
