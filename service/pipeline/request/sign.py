"""How a receiver can tell that a request is genuine: the signatures of Standard Webhooks 1.0."""

import hmac
from base64 import b64encode
from functools import lru_cache

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from service.domain.webhook import Webhook

PUBLIC_KEY_PREFIX = "whpk_"


def signatures(
    webhook: Webhook, delivery_id: str, timestamp: str, body: bytes, now: float
) -> str | None:
    """Return the value of `webhook-signature`; None where the webhook has nothing to sign with.

    Several are separated by blanks: those of the secrets before a rotation, each until its own time
    is over, and that of the webhook's private key.
    """
    signed = signed_bytes(delivery_id, timestamp, body)
    found = []
    if webhook.secret is not None:
        found.append(signature(webhook.secret, signed))
        for earlier, until in webhook.previous_secrets:
            if now < until:
                found.append(signature(earlier, signed))
    if webhook.signing_seed is not None:
        found.append("v1a," + b64encode(_private_key(webhook.signing_seed).sign(signed)).decode())
    return " ".join(found) or None


def signed_bytes(delivery_id: str, timestamp: str, body: bytes) -> bytes:
    """Return what is signed: id, timestamp (unix seconds) and raw body, joined by dots.

    For a GET the body is the query that was appended to the URI.
    """
    return f"{delivery_id}.{timestamp}.".encode() + body


def signature(secret: bytes, signed: bytes) -> str:
    """Return one symmetric signature."""
    keyed = _keyed(secret).copy()
    keyed.update(signed)
    return "v1," + b64encode(keyed.digest()).decode()


def public_key(seed: bytes) -> str:
    """Return what verifies the signatures of a private key, as Standard Webhooks write it."""
    raw = _private_key(seed).public_key().public_bytes_raw()
    return PUBLIC_KEY_PREFIX + b64encode(raw).decode()


@lru_cache(maxsize=10_000)
def _keyed(secret: bytes) -> hmac.HMAC:
    """Return the keyed hash that all signatures of a secret start from: half of the cost of one."""
    return hmac.new(secret, digestmod="sha256")


@lru_cache(maxsize=10_000)
def _private_key(seed: bytes) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(seed)
