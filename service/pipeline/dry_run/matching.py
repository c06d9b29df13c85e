"""Explanations in words of the decisions that `match` makes."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from service.dialects.dialect import Dialect
from service.dialects.hook import Hook
from service.documents.webhook import INTERNAL_LEG
from service.domain.call import Step
from service.domain.errors import RejectedMessage, RejectReason
from service.domain.event import Event, Message
from service.domain.filters.clause import Line
from service.domain.filters.occurrence import NO_FACTS, CallFacts, LegPlace, Occurrence
from service.domain.webhook import ALL_HOOKS, Account, Webhook, account_of
from service.pipeline.match import ANYTHING, fits
from service.profiles.known import parts_of


@dataclass(frozen=True, slots=True)
class DryRun:
    """An event decoded from a message, and the payload that would be sent."""

    event: Event
    account: Account
    payload: Mapping[str, Any]
    hook: Hook | None = None
    """The hook of the catalogue, if the event's is there."""
    call_facts: CallFacts = NO_FACTS
    """The dialect's readers of a call, for filters."""
    received_at: float = field(default_factory=time.time)
    """Unix seconds."""
    place: LegPlace | None = None
    """Its place in the call, as if its leg were the only one; None for an event of no call."""

    def payload_for(self, webhook: Webhook) -> Mapping[str, Any]:
        """Return the payload in the version that the webhook is pinned to."""
        if self.hook is None:
            return self.payload
        return self.hook.payload_of(self.hook.pinned(webhook.schema_version), self.payload)

    def clauses_of(self, webhook: Webhook) -> Sequence[Line]:
        """Return the result of each clause of the webhook's filters."""
        clauses = webhook.clauses
        return () if clauses is None else clauses.lines(self.occurrence_for(webhook))

    def occurrence_for(self, webhook: Webhook) -> Occurrence:
        """Return the event as the webhook's filters see it."""
        return Occurrence(
            self.payload_for(webhook), self.call_facts, self.received_at, self.place
        )  # fmt: skip

    def reasons_against(self, webhook: Webhook) -> list[str]:
        """Return why the webhook would not get the event; empty if it would get it."""
        return [
            *_ownership(webhook, self),
            *_hook(webhook, self.event),
            *_filters(webhook, self),
            *_profile(webhook, self.event),
        ]


def dry_runs(dialect: Dialect, message: Message, account: Account) -> list[DryRun]:
    """Return a dry run for each event of a message; `account` counts as the dialled number's owner.

    Raises RejectedMessage if the message cannot be decoded.
    """
    events = dialect.decoder.decode(message)
    if any(event.dialled_number for event in events):
        events = dialect.decoder.decode(message, account.account_id)
    return [_dry_run(dialect, event, account) for event in events]


def _dry_run(dialect: Dialect, event: Event, account: Account) -> DryRun:
    owner = event.account_id
    if owner not in (None, account.account_id):
        # The message names another account, of which nothing is known here.
        account = account_of(owner)
    payload = dialect.requests.payload(event, account)
    hook = dialect.by_id.get(event.hook)
    note = dialect.call_note(event, time.time())
    place = None if note is None else LegPlace(is_first=True, ends_last=note.step is Step.DESTROYED)
    return DryRun(event, account, payload, hook, dialect.call_facts, place=place)


def as_message(source: str, exchange: str, routing_key: str, body: Mapping[str, Any]) -> Message:
    """Return a message as the switch would publish it. Raises RejectedMessage."""
    try:
        return Message(source, exchange, routing_key, orjson.dumps(body))
    except orjson.JSONEncodeError as error:
        raise RejectedMessage(RejectReason.TOO_DEEP, str(error)) from None


def _ownership(webhook: Webhook, dry_run: DryRun) -> Iterator[str]:
    if not webhook.enabled:
        yield "the webhook is disabled"
    owner = dry_run.event.account_id
    if webhook.account_id == owner:
        return
    if webhook.account_id not in dry_run.account.tree:
        yield f"the event belongs to account {owner}, which is not a sub-account of the webhook's"
    elif not webhook.include_subaccounts:
        yield "the event belongs to a sub-account, and include_subaccounts is false"


def _hook(webhook: Webhook, event: Event) -> Iterator[str]:
    if webhook.source != event.source:
        yield f"the webhook is for events of {webhook.source}, the event comes from {event.source}"
    if event.hook in webhook.hooks:
        return
    if ALL_HOOKS not in webhook.hooks:
        hooks = " or ".join(sorted(webhook.hooks))
        yield f"the webhook is for hook {hooks}, the event's hook is {event.hook}"
    elif not event.reaches_all:
        yield f"hook all gets this message only once, as another hook than {event.hook}"


def _filters(webhook: Webhook, dry_run: DryRun) -> Iterator[str]:
    for fact, value in dry_run.event.facts.items():
        wanted = webhook.filters.get(fact, ANYTHING)
        if wanted not in (ANYTHING, value):
            yield _of_fact(fact, value, wanted)
    payload = dry_run.payload_for(webhook)
    for key, allowed in webhook.modifiers.items():
        if not fits({key: allowed}, payload):
            yield f"modifiers.{key} is {allowed!r}, the event's {key} is {payload[key]!r}"
    if webhook.clauses is not None:
        yield from map(str, webhook.clauses.failing(dry_run.occurrence_for(webhook)))


def _profile(webhook: Webhook, event: Event) -> Iterator[str]:
    if webhook.profile is not None and not parts_of(webhook.profile, event):
        yield f"profile {webhook.profile} has no request for this event of hook {event.hook}"


def _of_fact(fact: str, value: Any, wanted: Any) -> str:
    if fact == INTERNAL_LEG:
        return "the call leg is internal, and include_internal_legs is false"
    return f"custom_data.{fact} is {wanted!r}, the event's {fact} is {value!r}"
