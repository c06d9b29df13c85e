"""Memory size of a cached account, by which the cache is bounded in bytes."""

from collections.abc import Iterator
from dataclasses import fields
from operator import attrgetter
from sys import getsizeof
from types import NoneType
from typing import Any

from service.domain.filters.filters import Filters
from service.domain.privacy import Mask, Privacy
from service.domain.webhook import (
    NOTHING,
    Account,
    Asking,
    Batching,
    Format,
    OAuthClient,
    Order,
    Verb,
    Webhook,
)

BARE_BYTES = 1000
"""Size of an account without a webhook: its fields, its cache entry and the entry's key."""
SHARED = {NoneType, bool, Verb, Format, Order}
"""Types of which all webhooks share the values."""
PARTS = {
    kind: attrgetter(*(field.name for field in fields(kind)))
    for kind in (Webhook, OAuthClient, Asking, Batching, Privacy, Mask)
}
"""By type, what gets all members of a value. An account is weighed while its events wait."""


def weight_of(account: Account) -> int:
    """Return the approximate size in bytes of an account and its webhooks."""
    return BARE_BYTES + getsizeof(account.tree) + sum(map(_weight, account.webhooks))


def _weight(webhook: Webhook) -> int:
    """Return a webhook's size, with 100 bytes for its references in the account's indexes."""
    return 100 + sum(getsizeof(part) for part in _parts(webhook))


def _parts(whole: Any) -> Iterator[Any]:
    """Yield a value and all its parts, except those that all webhooks share."""
    waiting = [whole]
    while waiting:
        part = waiting.pop()
        kind = type(part)
        if part is NOTHING or kind in SHARED:
            continue
        yield part
        if kind in PARTS:
            waiting += PARTS[kind](part)
        elif kind is Filters:
            # The clauses and the functions made of them take about three times as much.
            waiting += [part.document] * 4
        elif kind is dict:
            waiting += [*part.keys(), *part.values()]
        elif isinstance(part, list | tuple | frozenset):
            waiting += part
