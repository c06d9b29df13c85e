"""Value that holds everything specific to one switch; all other code receives it.

A dialect has the bindings, the decoder of messages, the hooks, and the writer of requests. It is
free of asyncio and drivers.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from service.dialects.binding import Binding, merged
from service.dialects.bus_message import BusMessage
from service.dialects.collection import WebhookCollection
from service.dialects.content import ContentWriter
from service.dialects.hook import Hook
from service.dialects.leg_questions import LegQuestions
from service.dialects.question import Question
from service.dialects.rpc import RpcServer
from service.dialects.sample_call import SampleCall
from service.dialects.sample_day import MakeDay
from service.dialects.switch_question import SwitchQuestions
from service.domain.call import CallNote
from service.domain.event import Event, Message
from service.domain.filters.occurrence import NO_FACTS, CallFacts
from service.domain.freshness import Freshness
from service.domain.webhook import Account, Webhook


class Decoder(Protocol):
    """Decodes the messages of a switch, and derives the ids of their events."""

    def decode(self, message: Message, account_id: str | None = None) -> tuple[Event, ...]:
        """Return the events of a message, or none if no hook concerns it.

        `account_id` is the owner of the event's dialled number, for a message that names no
        account. Raises only RejectedMessage.
        """


class RequestWriter(Protocol):
    """Writes the requests of a dialect."""

    def payload(self, event: Event, account: Account) -> dict[str, Any]:
        """Return the event's JSON members, the snapshot from which retries and replays start."""

    def writer(self, payload: Mapping[str, Any], snapshot: bytes | None = None) -> ContentWriter:
        """Return the writer for one event; `snapshot` is the payload as JSON, if known."""

    def headers(self, webhook: Webhook) -> Mapping[str, str]:
        """Return the dialect's own headers."""

    def signatures(self, webhook: Webhook, content: bytes) -> Mapping[str, str]:
        """Return the dialect's own signature headers, sent beside those of Standard Webhooks."""


@dataclass(frozen=True, slots=True)
class Announcement:
    """Message on the bus that tells the switch's own apps that a webhook was disabled."""

    exchange: str
    message: Callable[[Webhook], BusMessage]


def _nothing_more(_: Mapping[str, Any]) -> dict[str, Any]:
    return {}


def _no_call(event: Event, received_at: float) -> CallNote | None:  # noqa: ARG001
    return None


def _as_recorded(event: Event) -> Event:
    return event


def _as_it_is(webhook: Webhook) -> Webhook:
    return webhook


@dataclass(frozen=True, slots=True)
class Dialect:
    """Everything specific to one switch. `name` is the `source` of its events."""

    name: str
    hooks: tuple[Hook, ...]
    decoder: Decoder
    requests: RequestWriter
    announcement: Announcement | None = None
    attempt_members: Callable[[Mapping[str, Any]], dict[str, Any]] = _nothing_more
    """Turns a row of the attempt log into the members that the switch's API has of an attempt."""
    catalogued: Callable[[Webhook], Webhook] = _as_it_is
    """Returns a stored webhook with hooks of the catalogue for the names that it uses."""
    test_hook: str = ""
    """The hook whose sample is the test request of a webhook on `all`."""
    questions: tuple[Question, ...] = ()
    """What its switch asks actionable webhooks."""
    asked: SwitchQuestions | None = None
    """The questions that its switch asks over the bus, where they are ours to answer."""
    sample_call: SampleCall | None = None
    """The call of the demonstration."""
    make_day: MakeDay | None = None
    """Makes a day of calls whose truth is known."""
    collection: WebhookCollection | None = None
    """The API for webhooks that the switch's customers know."""
    call_facts: CallFacts = NO_FACTS
    """Reads from its payloads what the filters of webhooks ask of a call."""
    recorded: Callable[[Event], Event] = _as_recorded
    """Returns an event of the attempt log with the facts that it had when it was decoded."""
    rpc: RpcServer | None = None
    """Answers the switch's services in place of one of them."""
    call_note: Callable[[Event, float], CallNote | None] = _no_call
    """Returns what an event tells of a call; the time is that of its arrival, in unix seconds."""
    leg_questions: LegQuestions | None = None
    """Asks whether it still has a leg; None where it cannot be asked."""
    bindings: tuple[Binding, ...] = field(init=False)
    schema_ids: Mapping[str, str] = field(init=False)
    by_id: Mapping[str, Hook] = field(init=False)

    def __post_init__(self) -> None:
        binds = merged(binding for hook in self.hooks for binding in hook.binds)
        object.__setattr__(self, "bindings", binds)
        ids = {hook.hook_id: hook.schema_id for hook in self.hooks}
        object.__setattr__(self, "schema_ids", ids)
        object.__setattr__(self, "by_id", {hook.hook_id: hook for hook in self.hooks})

    def schema_version(self, hook_id: str) -> int:
        """Return the current version of a hook's schema."""
        hook = self.by_id.get(hook_id)
        return 1 if hook is None else hook.version

    def freshness(self, hook_id: str, event_name: str) -> Freshness:
        """Return for how long an event is of use; one of an unknown hook has no limit."""
        hook = self.by_id.get(hook_id)
        if hook is None:
            return Freshness.RECORD
        return hook.freshness_of.get(event_name, hook.freshness)


@dataclass(frozen=True, slots=True)
class Dialects:
    """All dialects of the service.

    The switches of the `enabled` ones are on the broker. The `others` serve deliveries and webhooks
    that remain from an earlier configuration.
    """

    enabled: tuple[Dialect, ...]
    others: tuple[Dialect, ...] = ()
    default_source: str = ""
    """The source of deliveries and webhooks without one."""
    own: tuple[Dialect, ...] = ()
    """The dialects of events that the service itself makes, for which no switch is needed."""
    by_name: Mapping[str, Dialect] = field(init=False)
    by_exchange: Mapping[str, Dialect] = field(init=False)
    hooks: Mapping[str, Hook] = field(init=False)
    """Hooks of the enabled dialects and of our own by id, in the order of presentation."""
    questions: Mapping[str, Question] = field(init=False)
    """Questions of the enabled dialects by id."""

    def __post_init__(self) -> None:
        by_name = {one.name: one for one in (*self.enabled, *self.others, *self.own)}
        exchanges = {binding.exchange: one for one in self.enabled for binding in one.bindings}
        hooks = _by_id((*self.enabled, *self.own))
        object.__setattr__(self, "default_source", self.default_source or self.enabled[0].name)
        object.__setattr__(self, "by_name", by_name)
        object.__setattr__(self, "by_exchange", exchanges)
        object.__setattr__(self, "hooks", hooks)
        questions = {each.hook_id: each for one in self.enabled for each in one.questions}
        object.__setattr__(self, "questions", questions)

    def of(self, source: str) -> Dialect:
        """Return the dialect of a source; an empty source means the default."""
        return self.by_name[source or self.default_source]

    def catalogued(self, webhook: Webhook) -> Webhook:
        """Return a stored webhook with hooks of its dialect's catalogue for the names it uses."""
        dialect = self.by_name.get(webhook.source)
        return webhook if dialect is None else dialect.catalogued(webhook)

    def question_of(self, webhook: Webhook) -> Question | None:
        """Return the question that an actionable webhook answers; None for any other webhook."""
        named = webhook.hooks & self.questions.keys()
        return self.questions[min(named)] if named else None

    def of_exchange(self, exchange: str) -> Dialect:
        """Return the dialect of an exchange; an unknown exchange gives the first dialect."""
        return self.by_exchange.get(exchange, self.enabled[0])

    @property
    def bindings(self) -> tuple[Binding, ...]:
        """Bindings that the event queue needs, one per exchange."""
        return merged(binding for one in self.enabled for binding in one.bindings)

    @property
    def announcing_exchanges(self) -> tuple[str, ...]:
        """Exchanges of the switches on which we publish."""
        found = [one.announcement.exchange for one in self.enabled if one.announcement]
        found += [exchange for one in self.served for exchange in one[1].publishes_on]
        found += [exchange for one in self.asked.values() for exchange in one.publishes_on]
        return tuple(dict.fromkeys(found))

    def unasked(self) -> "Dialects":
        """Return the dialects without the questions that are ours to answer."""
        return replace(self, enabled=tuple(replace(one, asked=None) for one in self.enabled))

    @property
    def asked(self) -> Mapping[str, SwitchQuestions]:
        """What switches ask over the bus, by the name of the dialect."""
        return {one.name: one.asked for one in self.enabled if one.asked is not None}

    @property
    def leg_questions(self) -> Mapping[str, LegQuestions]:
        """How the switches on the broker are asked about legs, by source."""
        return {one.name: one.leg_questions for one in self.enabled if one.leg_questions}

    @property
    def served(self) -> tuple[tuple[Dialect, RpcServer], ...]:
        """The dialects that answer requests of their switch's services."""
        return tuple((one, one.rpc) for one in self.enabled if one.rpc is not None)


def _by_id(dialects: Iterable[Dialect]) -> dict[str, Hook]:
    """Return the hooks by id. Raises ValueError where two dialects have the same one."""
    found: dict[str, Hook] = {}
    for hook in (hook for one in dialects for hook in one.hooks):
        other = found.setdefault(hook.hook_id, hook)
        if other is not hook:
            raise ValueError(f"hook {hook.hook_id!r} is of {other.source} and of {hook.source}")
    return found
