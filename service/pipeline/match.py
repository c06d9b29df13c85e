"""Second arrow: the webhooks that an event goes to."""

from collections.abc import Iterable, Mapping
from typing import Any

from service.domain.event import Event
from service.domain.filters.occurrence import LegPlace, Occurrence
from service.domain.webhook import Account, Webhook
from service.pipeline.request.build import EventContent
from service.text.json_text import same

ANYTHING = "all"
"""The value of a filter that matches everything, as a missing filter does."""


def subscribed(event: Event, account: Account, ancestors: Iterable[Account]) -> list[Webhook]:
    """Return the webhooks for the event's hook: the account's own, then its ancestors', root first.

    An ancestor's count where they include sub-accounts.
    """
    found = list(account.own(event.source, event.hook))
    for ancestor in ancestors:
        found += ancestor.inherited(event.source, event.hook)
    return [webhook for webhook in found if _concerned(webhook, event)]


def _concerned(webhook: Webhook, event: Event) -> bool:
    """Return whether the webhook's own filters match the event."""
    if not event.reaches_all and event.hook not in webhook.hooks:
        return False
    filters = webhook.filters
    return not filters or all(
        filters.get(fact, ANYTHING) in (ANYTHING, value) for fact, value in event.facts.items()
    )


def fitting(
    webhooks: list[Webhook],
    content: EventContent,
    payload: Mapping[str, Any],
    received_at: float,
    *,
    follows_calls: bool = False,
) -> list[Webhook]:
    """Return the webhooks whose modifiers and filters the payload that they would get satisfies.

    With `follows_calls`, also those whose filters need the call: `fitting_in_call` decides.
    """
    versions, facts = content.versions, content.dialect.call_facts
    found = []
    for webhook in webhooks:
        own = payload if versions is None else versions.payload(webhook)
        if not fits(webhook.modifiers, own):
            continue
        clauses = webhook.clauses
        if (
            clauses is None
            or (follows_calls and clauses.needs_call)
            or clauses.holds(Occurrence(own, facts, received_at))
        ):
            found.append(webhook)
    return found


def fitting_in_call(
    webhooks: list[Webhook],
    content: EventContent,
    payload: Mapping[str, Any],
    received_at: float,
    place: LegPlace | None,
) -> list[Webhook]:
    """Return those of `fitting` whose filters hold for an event with this place in its call."""
    versions, facts = content.versions, content.dialect.call_facts
    found = []
    for webhook in webhooks:
        clauses = webhook.clauses
        if clauses is not None and clauses.needs_call:
            own = payload if versions is None else versions.payload(webhook)
            if not clauses.holds(Occurrence(own, facts, received_at, place)):
                continue
        found.append(webhook)
    return found


def fits(modifiers: Mapping[str, Any], payload: Mapping[str, Any]) -> bool:
    """Return whether the payload has one of the values asked for, wherever it has the member.

    `payload` is the event's, before any `custom_data`. An empty list is no constraint.
    """
    return all(
        _is_one_of(payload[key], allowed) for key, allowed in modifiers.items() if key in payload
    )


def _is_one_of(value: Any, allowed: Any) -> bool:
    if not isinstance(allowed, list):
        return same(value, allowed)
    return not allowed or any(same(value, choice) for choice in allowed)
