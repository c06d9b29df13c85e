"""The destination of a delivery's next attempt, and the credentials it may carry."""

from collections.abc import Mapping
from functools import lru_cache

from service.domain.delivery import Delivery
from service.domain.endpoint import Endpoint, endpoint_of
from service.domain.immutable import immutable
from service.domain.webhook import OAuthClient, Webhook


@immutable
class Destination:
    """The address of an attempt. `endpoint` is None where no request could ever be made from it.

    `headers` are those that the account added, and `oauth` its client for access tokens: both may
    be credentials of one server, and no other server gets them.
    """

    uri: str
    endpoint: Endpoint | None
    headers: Mapping[str, str]
    oauth: OAuthClient | None
    is_fallback: bool = False
    problem: str | None = None


@immutable
class Owed:
    """A delivery, its webhook as it is now, and the destination of its next attempt."""

    delivery: Delivery
    webhook: Webhook
    destination: Destination


def owed_of(delivery: Delivery, webhook: Webhook) -> Owed:
    """Return the delivery with the destination of its next attempt."""
    return Owed(delivery, webhook, destination_of(delivery, webhook))


def destination_of(delivery: Delivery, webhook: Webhook) -> Destination:
    """Return the webhook's own URI, or its fallback where the delivery is meant for that."""
    if delivery.fallback_for is None or webhook.fallback_uri is None:
        uri, is_fallback = webhook.uri, delivery.fallback_for is not None
    else:
        uri, is_fallback = webhook.fallback_uri, True
    endpoint = endpoint_at(uri)
    if isinstance(endpoint, str):
        return Destination(uri, None, {}, None, is_fallback, problem=endpoint)
    own = uri is webhook.uri or endpoint == endpoint_at(webhook.uri)
    headers = webhook.headers if own else {}
    return Destination(uri, endpoint, headers, None if is_fallback else webhook.oauth, is_fallback)


@lru_cache(maxsize=20_000)
def endpoint_at(uri: str) -> Endpoint | str:
    """Return the endpoint of a URI, or why it has none."""
    try:
        return endpoint_of(uri)
    except ValueError as error:
        return str(error)
