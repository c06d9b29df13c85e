"""Everything that is one switch's own, as one value; all other code is handed it.

A dialect knows what to bind, how to read messages, which hooks there are, and how to write the
requests. Nothing in it waits: no asyncio, no driver.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from service.dialects.binding import Binding, merged
from service.dialects.bus_message import BusMessage
from service.dialects.hook import Hook
from service.domain.event import Event, Message
from service.domain.immutable import immutable
from service.domain.webhook import Account, Webhook


class Decoder(Protocol):
    """Reads the messages of a switch, and decides the identity of their events."""

    def decode(self, message: Message, account_id: str | None = None) -> tuple[Event, ...]:
        """Return the events of a message; none where the message concerns no hook.

        `account_id` is the owner of the event's dialled number, where the message itself names no
        account. Raises RejectedMessage, and nothing else.
        """


@immutable
class Content:
    """What a request says: the body, or the query that is appended to the URI."""

    content_type: str
    content: bytes
    in_query: bool = False


class ContentWriter(Protocol):
    """Writes the contents of one event's requests, each distinct one once."""

    def content(self, webhook: Webhook) -> Content:
        """Return what the webhook's request says of the event."""


class RequestWriter(Protocol):
    """Says how the requests of a dialect are written."""

    def payload(self, event: Event, account: Account) -> dict[str, Any]:
        """Return the event as JSON members: the snapshot that retries and replays start from."""

    def writer(self, payload: Mapping[str, Any], snapshot: bytes | None = None) -> ContentWriter:
        """Return the writer for one event; `snapshot` is the payload as JSON, where known."""

    def headers(self, webhook: Webhook) -> Mapping[str, str]:
        """Return the dialect's own headers."""

    def signatures(self, webhook: Webhook, content: bytes) -> Mapping[str, str]:
        """Return the headers that sign in the dialect's own way, beside Standard Webhooks."""


@dataclass(frozen=True, slots=True)
class Announcement:
    """How the switch's own apps learn on the bus that a webhook was disabled."""

    exchange: str
    message: Callable[[Webhook], BusMessage]


def _nothing_more(_: Mapping[str, Any]) -> dict[str, Any]:
    return {}


def _as_it_is(webhook: Webhook) -> Webhook:
    return webhook


@dataclass(frozen=True, slots=True)
class Dialect:
    """One switch's own: an event's `source` is the dialect's name."""

    name: str
    hooks: tuple[Hook, ...]
    decoder: Decoder
    requests: RequestWriter
    announcement: Announcement | None = None
    attempt_members: Callable[[Mapping[str, Any]], dict[str, Any]] = _nothing_more
    """The members, from a row of the attempt log, that the switch's own API has of an attempt."""
    catalogued: Callable[[Webhook], Webhook] = _as_it_is
    """Returns a stored webhook with hooks of the catalogue for the names that it uses."""
    test_hook: str = ""
    """Whose sample tests a webhook for all hooks."""
    bindings: tuple[Binding, ...] = field(init=False)
    schema_ids: Mapping[str, str] = field(init=False)

    def __post_init__(self) -> None:
        binds = merged(binding for hook in self.hooks for binding in hook.binds)
        object.__setattr__(self, "bindings", binds)
        ids = {hook.hook_id: hook.schema_id for hook in self.hooks}
        object.__setattr__(self, "schema_ids", ids)


@dataclass(frozen=True, slots=True)
class Dialects:
    """The dialects that the service speaks.

    `enabled` are those whose switches are on the broker. The others are known for deliveries and
    webhooks that remain from an earlier configuration.
    """

    enabled: tuple[Dialect, ...]
    others: tuple[Dialect, ...] = ()
    default_source: str = ""
    """The source of deliveries and webhooks that do not name theirs."""
    by_name: Mapping[str, Dialect] = field(init=False)
    by_exchange: Mapping[str, Dialect] = field(init=False)
    hooks: Mapping[str, Hook] = field(init=False)
    """The hooks of the enabled dialects by id, in the order in which people should read of them."""

    def __post_init__(self) -> None:
        by_name = {one.name: one for one in (*self.enabled, *self.others)}
        exchanges = {binding.exchange: one for one in self.enabled for binding in one.bindings}
        hooks = _by_id(self.enabled)
        object.__setattr__(self, "default_source", self.default_source or self.enabled[0].name)
        object.__setattr__(self, "by_name", by_name)
        object.__setattr__(self, "by_exchange", exchanges)
        object.__setattr__(self, "hooks", hooks)

    def of(self, source: str) -> Dialect:
        """Return the dialect of a source; an empty one means the default."""
        return self.by_name[source or self.default_source]

    def catalogued(self, webhook: Webhook) -> Webhook:
        """Return a stored webhook with hooks of its dialect's catalogue for the names it uses."""
        dialect = self.by_name.get(webhook.source)
        return webhook if dialect is None else dialect.catalogued(webhook)

    def of_exchange(self, exchange: str) -> Dialect:
        """Return whose exchange it is; a message from elsewhere is of the first dialect."""
        return self.by_exchange.get(exchange, self.enabled[0])

    @property
    def bindings(self) -> tuple[Binding, ...]:
        """What must be bound to our queue, one binding for each exchange."""
        return merged(binding for one in self.enabled for binding in one.bindings)

    @property
    def announcing_exchanges(self) -> tuple[str, ...]:
        """The exchanges of the switches that announcements are published on."""
        found = (one.announcement.exchange for one in self.enabled if one.announcement)
        return tuple(dict.fromkeys(found))


def _by_id(dialects: Iterable[Dialect]) -> dict[str, Hook]:
    """Return the hooks by id. Raises ValueError where two dialects have the same one."""
    found: dict[str, Hook] = {}
    for hook in (hook for one in dialects for hook in one.hooks):
        other = found.setdefault(hook.hook_id, hook)
        if other is not hook:
            raise ValueError(f"hook {hook.hook_id!r} is of {other.source} and of {hook.source}")
    return found
