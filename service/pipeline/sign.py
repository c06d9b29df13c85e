"""How a receiver can tell that a request is genuine: the signature of Standard Webhooks 1.0."""

import hmac
from base64 import b64encode

from service.domain.webhook import Webhook


def signatures(
    webhook: Webhook, delivery_id: str, timestamp: str, body: bytes, now: float
) -> str | None:
    """Return the value of `webhook-signature`; None where the webhook has no secret.

    Two signatures, apart by a blank, while the secret before a rotation is still good.
    """
    if webhook.secret is None:
        return None
    value = signature(webhook.secret, delivery_id, timestamp, body)
    if webhook.previous_secret is None or now >= webhook.previous_until:
        return value
    return f"{value} {signature(webhook.previous_secret, delivery_id, timestamp, body)}"


def signature(secret: bytes, delivery_id: str, timestamp: str, body: bytes) -> str:
    """Return one signature.

    The signed bytes are id, timestamp (unix seconds) and raw body, joined by dots. For a GET the
    body is the query that was appended to the URI.
    """
    signed = f"{delivery_id}.{timestamp}.".encode() + body
    return "v1," + b64encode(hmac.digest(secret, signed, "sha256")).decode()
