"""The ways in which a request may be signed, as one that received it can check them.

Standard Webhooks 1.0 (`v1` by a secret, `v1a` by a public key), and what a dialect has of its own.
"""

import hmac
from base64 import b64decode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from service.dialects.dialect import Dialects, RequestWriter
from service.documents.webhook import SECRET_PREFIX
from service.domain.webhook import Webhook
from service.pipeline.request.sign import PUBLIC_KEY_PREFIX, signature, signed_bytes
from service.tools.received import Received

ID, AT, SIGNED = STANDARD = ("webhook-id", "webhook-timestamp", "webhook-signature")


class BadSecret(ValueError):
    """The secret cannot be one; the text says why."""


class Scheme(Protocol):
    """A signature of a request."""

    @property
    def header(self) -> str:
        """The header that has it."""

    @property
    def timed(self) -> bool:
        """Whether the time of the attempt is signed as well."""

    def fits(self, content: bytes) -> bool:
        """Return whether the signature is one of this content."""


def schemes_of(request: Received, secret: str, dialects: Dialects) -> list[Scheme]:
    """Return the schemes that the headers of the request allow. Raises BadSecret."""
    if not secret:
        raise BadSecret("the secret is empty")
    return [*_standard(request, secret), *_dialects_own(request, secret, dialects)]


@dataclass(frozen=True, slots=True)
class BySecret:
    """Standard Webhooks by a secret."""

    key: bytes
    delivery_id: str
    at: str
    given: Sequence[str]
    header: str = SIGNED
    timed: bool = True

    def fits(self, content: bytes) -> bool:
        """See `Scheme`."""
        wanted = signature(self.key, signed_bytes(self.delivery_id, self.at, content)).encode()
        return any(hmac.compare_digest(wanted, one.encode()) for one in self.given)


@dataclass(frozen=True, slots=True)
class ByPublicKey:
    """Standard Webhooks by a key pair."""

    key: Ed25519PublicKey
    delivery_id: str
    at: str
    given: Sequence[str]
    header: str = SIGNED
    timed: bool = True

    def fits(self, content: bytes) -> bool:
        """See `Scheme`."""
        signed = signed_bytes(self.delivery_id, self.at, content)
        return any(self._signed(one.removeprefix("v1a,"), signed) for one in self.given)

    def _signed(self, given: str, signed: bytes) -> bool:
        try:
            self.key.verify(b64decode(given, validate=True), signed)
        except (InvalidSignature, ValueError):
            return False
        return True


@dataclass(frozen=True, slots=True)
class ByDialect:
    """The signature of a switch's own: of the content alone, so that no time is signed."""

    requests: RequestWriter
    webhook: Webhook
    header: str
    given: str
    timed: bool = False

    def fits(self, content: bytes) -> bool:
        """See `Scheme`."""
        wanted = self.requests.signatures(self.webhook, content)[self.header]
        return hmac.compare_digest(wanted.encode(), self.given.encode())


def _standard(request: Received, secret: str) -> Iterator[Scheme]:
    headers = request.headers
    if any(name not in headers for name in STANDARD):
        return
    given = [one.rstrip(",") for one in headers[SIGNED].split()]
    if secret.startswith(PUBLIC_KEY_PREFIX):
        yield ByPublicKey(_public_key(secret), headers[ID], headers[AT], given)
        return
    key = _mac_key(secret)
    if key is not None:
        yield BySecret(key, headers[ID], headers[AT], given)


def _dialects_own(request: Received, secret: str, dialects: Dialects) -> Iterator[Scheme]:
    webhook = Webhook("", "", "", frozenset(), "", dialect_secret=secret.encode())
    for dialect in dialects.by_name.values():
        for header in dialect.requests.signatures(webhook, b""):
            given = request.headers.get(header.lower())
            if given is not None:
                yield ByDialect(dialect.requests, webhook, header, given)


def _mac_key(secret: str) -> bytes | None:
    """Return the key of a secret; None for a text that only a dialect can use. Raises BadSecret."""
    try:
        return b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except ValueError:
        if secret.startswith(SECRET_PREFIX):
            raise BadSecret(f"the secret must be base64 after {SECRET_PREFIX}") from None
        return None


def _public_key(text: str) -> Ed25519PublicKey:
    try:
        raw = b64decode(text.removeprefix(PUBLIC_KEY_PREFIX), validate=True)
        return Ed25519PublicKey.from_public_bytes(raw)
    except ValueError:
        raise BadSecret(f"the key must be base64 of 32 bytes after {PUBLIC_KEY_PREFIX}") from None
