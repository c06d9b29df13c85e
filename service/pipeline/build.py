"""Third arrow: from an event and a webhook to the request that tells one of the other."""

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote_plus

from service import __version__
from service.dialects.catalogue import HOOKS
from service.domain.delivery import Delivery, Request
from service.domain.endpoint import endpoint_of
from service.domain.event import Event
from service.domain.webhook import Account, Format, Verb, Webhook
from service.pipeline.sign import signatures
from service.text.json_text import write_json

USER_AGENT = f"switchhook/{__version__}"

SCHEMA_IDS = {hook.hook_id: hook.schema_id for hook in HOOKS}

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"


def payload_of(event: Event, account: Account) -> dict[str, Any]:
    """Return what an event tells, in Kazoo's order, with everything left out that is missing."""
    fields = dict(event.fields)
    known = (("account_id", account.account_id), ("reseller_id", account.reseller_id))
    for key, value in known:
        if key in fields and fields[key] is None:
            fields[key] = value
    return {key: value for key, value in fields.items() if value is not None}


class Encoder:
    """Writes the bodies of one event's requests, each distinct one once.

    `snapshot` is the payload as JSON where there is one: most bodies are just that.
    """

    def __init__(
        self, payload: Mapping[str, Any], cluster_id: str | None, snapshot: bytes | None = None
    ) -> None:
        self._payload = payload
        self._cluster_id = cluster_id
        self._plain: dict[str, bytes] = {}
        if snapshot is not None and cluster_id is None:
            self._plain[JSON] = snapshot

    def body(self, webhook: Webhook) -> tuple[str, bytes]:
        """Return content type and bytes; for GET the bytes are the query."""
        content_type = JSON if webhook.format is Format.JSON else FORM
        if webhook.verb is Verb.GET:
            content_type = FORM
        if webhook.custom_data:
            return content_type, _encode(content_type, self._merged(webhook.custom_data))
        body = self._plain.get(content_type)
        if body is None:
            body = self._plain[content_type] = _encode(content_type, self._merged({}))
        return content_type, body

    def _merged(self, custom_data: Mapping[str, Any]) -> dict[str, Any]:
        """Return the payload, overwritten by custom data (null deletes) and the cluster's id."""
        merged = {**self._payload, **custom_data}
        for key, value in custom_data.items():
            if value is None:
                del merged[key]
        if self._cluster_id is not None:
            merged["cluster_id"] = self._cluster_id
        return merged


def request_for(
    delivery: Delivery,
    webhook: Webhook,
    encoder: Encoder,
    attempt: int,
    now: float,
    traceparent: str | None = None,
) -> Request:
    """Return the signed request of one attempt; `now` is unix seconds."""
    content_type, body = encoder.body(webhook)
    uri = uri_for(delivery, webhook)
    headers = _headers(delivery, webhook, uri, attempt, now)
    if traceparent is not None:
        headers["traceparent"] = traceparent
    signed = signatures(webhook, delivery.delivery_id, headers["webhook-timestamp"], body, now)
    if signed is not None:
        headers["webhook-signature"] = signed
    if webhook.verb is Verb.GET:
        query, sent = body.decode(), None
    else:
        query, sent = "", body
        headers["Content-Type"] = content_type
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
    delivery: Delivery, webhook: Webhook, uri: str, attempt: int, now: float
) -> dict[str, str]:
    """Return the headers that do not depend on the body; ours come last, so that ours count."""
    headers = {
        **_added_headers(delivery, webhook, uri),
        "X-Hook-ID": webhook.webhook_id,
        "X-Account-ID": webhook.account_id,
        "X-Switchhook-Attempt": str(attempt),
        "User-Agent": USER_AGENT,
        "webhook-id": delivery.delivery_id,
        "webhook-timestamp": str(int(now)),
    }
    if delivery.webhook is None:
        headers["X-Switchhook-Schema"] = SCHEMA_IDS[delivery.hook]
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


def _encode(content_type: str, payload: Mapping[str, Any]) -> bytes:
    return write_json(payload) if content_type == JSON else form(payload).encode()


def form(payload: Mapping[str, Any]) -> str:
    """Return the payload as `a=1&b[c]=2&d[]=3`, percent-encoded, without nulls and empty segments.

    Objects inside lists become JSON text. A receiver decodes it to what Kazoo's bytes decode to.
    """
    return "&".join(
        segment for key, value in payload.items() for segment in _segments(quote_plus(key), value)
    )


def _segments(name: str, value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, child in value.items():
            yield from _segments(f"{name}%5B{quote_plus(key)}%5D", child)
    elif isinstance(value, list):
        for item in value:
            if item is not None:
                yield f"{name}%5B%5D={quote_plus(_plain_text(item))}"
    elif value is not None:
        yield f"{name}={quote_plus(_plain_text(value))}"


def _plain_text(value: Any) -> str:
    return value if isinstance(value, str) else write_json(value).decode()
