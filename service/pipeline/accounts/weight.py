"""How much memory a remembered account takes, for its cache to be bounded in bytes."""

from collections.abc import Iterator, Mapping
from dataclasses import fields
from enum import Enum
from sys import getsizeof
from types import NoneType
from typing import Any

from service.domain.webhook import NOTHING, Account, OAuthClient, Webhook

BARE_BYTES = 1000
"""An account without a webhook: its own fields, its entry in the cache, and the key of that."""
SHARED = (NoneType, bool, Enum)


def weight_of(account: Account) -> int:
    """Return about how many bytes an account and its webhooks take."""
    return BARE_BYTES + getsizeof(account.tree) + sum(map(_weight, account.webhooks))


def _weight(webhook: Webhook) -> int:
    """Return what a webhook takes; the indexes of its account refer to it a few times."""
    return 100 + sum(getsizeof(part) for part in _parts(webhook))


def _parts(whole: Any) -> Iterator[Any]:
    """Yield a value and all that it is made of, but for what all webhooks share."""
    waiting = [whole]
    while waiting:
        part = waiting.pop()
        if part is NOTHING or isinstance(part, SHARED):
            continue
        yield part
        if isinstance(part, Webhook | OAuthClient):
            waiting += [getattr(part, field.name) for field in fields(part)]
        elif isinstance(part, Mapping):
            waiting += [*part.keys(), *part.values()]
        elif isinstance(part, list | tuple | frozenset):
            waiting += part
