"""Third arrow: from an event and a webhook to the signed request."""

from collections.abc import Mapping

from service import __version__
from service.dialects.dialect import ContentWriter, Dialect
from service.domain.delivery import Delivery, Request
from service.domain.endpoint import endpoint_of
from service.domain.immutable import immutable
from service.domain.webhook import Webhook
from service.pipeline.sign import signatures

USER_AGENT = f"switchhook/{__version__}"


@immutable
class EventContent:
    """What all requests of one event are made of: its dialect, and the writer of its contents."""

    dialect: Dialect
    writer: ContentWriter


def request_for(
    delivery: Delivery,
    webhook: Webhook,
    event_content: EventContent,
    attempt: int,
    now: float,
    traceparent: str | None = None,
) -> Request:
    """Return the signed request of one attempt; `now` is unix seconds."""
    dialect = event_content.dialect
    content = event_content.writer.content(webhook)
    uri = uri_for(delivery, webhook)
    headers = _headers(delivery, webhook, dialect, uri, attempt, now)
    if traceparent is not None:
        headers["traceparent"] = traceparent
    body = content.content
    signed = signatures(webhook, delivery.delivery_id, headers["webhook-timestamp"], body, now)
    if signed is not None:
        headers["webhook-signature"] = signed
    headers |= dialect.requests.signatures(webhook, body)
    if content.in_query:
        query, sent = body.decode(), None
    else:
        query, sent = "", body
        headers["Content-Type"] = content.content_type
    return Request(
        webhook.verb.value,
        uri,
        query,
        headers,
        sent,
        webhook.timeout_s,
        account_id=webhook.account_id,
        https_only=webhook.https_only,
    )


def _headers(
    delivery: Delivery, webhook: Webhook, dialect: Dialect, uri: str, attempt: int, now: float
) -> dict[str, str]:
    """Return the headers that do not depend on the body; ours come last, so that ours count."""
    headers = {
        **_added_headers(delivery, webhook, uri),
        **dialect.requests.headers(webhook),
        "X-Switchhook-Attempt": str(attempt),
        "User-Agent": USER_AGENT,
        "webhook-id": delivery.delivery_id,
        "webhook-timestamp": str(int(now)),
    }
    # A delivery that has waited may be of a hook that the catalogue no longer has.
    schema_id = dialect.schema_ids.get(delivery.hook)
    if schema_id is not None and delivery.webhook is None:
        headers["X-Switchhook-Schema"] = schema_id
    return headers


def uri_for(delivery: Delivery, webhook: Webhook) -> str:
    """Return where the next attempt goes: the webhook's URI, or its fallback."""
    if delivery.fallback_for is None or webhook.fallback_uri is None:
        return webhook.uri
    return webhook.fallback_uri


def _added_headers(delivery: Delivery, webhook: Webhook, uri: str) -> Mapping[str, str]:
    """Return the headers that not every request has.

    What the account added may be a password of its own server: no other one is told.
    """
    if delivery.fallback_for is None and delivery.replay_id is None:
        return webhook.headers
    headers: dict[str, str] = {}
    if uri is webhook.uri or endpoint_of(uri) == endpoint_of(webhook.uri):
        headers |= webhook.headers
    if delivery.fallback_for is not None:
        headers["X-Switchhook-Fallback-Reason"] = delivery.fallback_for
    if delivery.replay_id is not None:
        headers["X-Switchhook-Replay"] = delivery.replay_id
    return headers
