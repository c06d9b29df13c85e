"""A message as it arrived from the bus, and the event decoded from it."""

from collections.abc import Mapping
from dataclasses import field
from hashlib import blake2b
from typing import Any

from service.domain.immutable import immutable
from service.domain.provision import Provision


@immutable
class Message:
    """The parts of a switch's AMQP message that decoding needs."""

    source: str
    exchange: str
    routing_key: str
    body: bytes
    content_encoding: str | None = None


@immutable
class Event:
    """One normalised occurrence.

    `fields` is the payload in the order it is sent; a member whose value is None is left out of it.
    `account_id` and `reseller_id` are filled in once the account is known.
    """

    event_id: str
    source: str
    hook: str
    name: str
    account_id: str | None
    fields: Mapping[str, Any]
    call_id: str | None = None
    dialled_number: str | None = None
    """The number whose owner is the event's account, where the message names no account."""
    facts: Mapping[str, str | bool] = field(default_factory=dict)
    """Values beside the payload that webhooks filter by, such as `type`; see `Webhook.filters`."""
    reaches_all: bool = True
    """Whether hook `all` gets it; false where another event of the same message reaches `all`."""
    webhook: Mapping[str, Any] | None = None
    """The document of the one webhook it goes to, where the message carries that webhook."""
    provision: Provision | None = None
    """What it tells about a destination that the switch manages itself."""
    burst_id: str | None = None
    """The burst of events it belongs to, of which only the latest may matter; see
    `Webhook.coalesce_ms`."""
    ends_burst: bool = False
    """Whether the burst is over, and events of it that are still to come are out of date."""
    scope_id: str | None = None
    """The scope it happened in, which may have a webhook of its own; see `ScopedWebhook`."""
    message: Mapping[str, Any] | None = None
    """The switch's own message, of which its dialect reads more where that is asked for."""


def event_id_of(source: str, body: bytes) -> str:
    """Return an event id that is the same for every redelivery of one message, 32 hex digits.

    Only for dialects in which no two messages are equal, for instance by a random id in the body.
    """
    return blake2b(body, digest_size=16, key=source.encode()).hexdigest()
