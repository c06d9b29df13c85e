"""Addresses of actionable webhooks, `/ask/{account}/{webhook}-{key}`: the key is the permission."""

import hmac
import re
from typing import Self
from urllib.parse import parse_qsl

from service.deadline import within
from service.domain.errors import StoreUnavailable
from service.domain.immutable import immutable
from service.domain.webhook import Webhook
from service.ports import Directory

LOOK_UP_S = 1.0
"""Seconds for an account that is not cached; a call cannot wait for the store."""
ADDRESS = re.compile(
    r"(?P<own>https?://[^?#]+/ask/(?P<account>[^/?#]+)/(?P<last>[^/?#]+))(?P<rest>.*)"
)


@immutable
class AskAddress:
    """An address as a switch has it, without its query, and the members in the query."""

    own_url: str
    account_id: str
    last: str
    """The last part of the path: the webhook's id and its key."""
    members: dict[str, str]

    @classmethod
    def of(cls, url: str) -> Self | None:
        """Return the address that a URL is; None for any other URL. Its host may be any."""
        found = ADDRESS.fullmatch(url)
        if found is None:
            return None
        query = found["rest"].partition("#")[0].removeprefix("?")
        members = dict(parse_qsl(query, keep_blank_values=True))
        return cls(found["own"], found["account"], found["last"], members)


async def webhook_at(directory: Directory, account_id: str, last: str) -> Webhook | None:
    """Return the actionable webhook of an address, if its key is right.

    Raises StoreUnavailable, also if the store takes longer than `LOOK_UP_S`.
    """
    webhook_id, _, key = last.partition("-")
    try:
        webhook = await within(LOOK_UP_S, directory.webhook(account_id, webhook_id))
    except TimeoutError:
        raise StoreUnavailable("the webhook was not looked up in time") from None
    if webhook is None or webhook.asking is None or webhook.account_id != account_id:
        return None
    genuine = bool(key) and hmac.compare_digest(webhook.asking.key.encode(), key.encode())
    return webhook if genuine else None
