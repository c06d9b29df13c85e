"""How a receiver can tell that a request is genuine: the signature of Standard Webhooks 1.0."""

import hmac
from base64 import b64encode


def signature(secret: bytes, delivery_id: str, timestamp: str, body: bytes) -> str:
    """Return the value of `webhook-signature`.

    The signed bytes are id, timestamp (unix seconds) and raw body, joined by dots. For a GET the
    body is the query that was appended to the URI.
    """
    signed = f"{delivery_id}.{timestamp}.".encode() + body
    return "v1," + b64encode(hmac.digest(secret, signed, "sha256")).decode()
