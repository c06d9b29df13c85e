"""The message as it arrived from the bus, and the event decoded from it."""

from collections.abc import Mapping
from dataclasses import field
from hashlib import blake2b
from typing import Any

from service.domain.immutable import immutable


@immutable
class Message:
    """One AMQP message of a switch, as far as decoding needs it."""

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
    """Whose account the event belongs to, where the message itself does not say."""
    facts: Mapping[str, str | bool] = field(default_factory=dict)
    """Facts beside the payload that webhooks filter by, such as `type`; see `Webhook.filters`."""
    reaches_all: bool = True
    """Whether hook `all` gets it; not where the same message makes another event that does."""
    webhook: Mapping[str, Any] | None = None
    """The document of the one webhook it is for, where the message brings that along."""


def event_id_of(source: str, body: bytes) -> str:
    """Return an identity that is the same for every redelivery of one message, 32 hex digits.

    For dialects whose messages all differ, by a random id in the body for instance.
    """
    return blake2b(body, digest_size=16, key=source.encode()).hexdigest()
