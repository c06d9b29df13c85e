"""Addresses inside of documents that are asked through us again, and what they stand for.

The address that a switch gets carries the customer's URL, signed with the key of the webhook's own
address: nobody can have us ask a URL that no document of the webhook named.
"""

import binascii
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from functools import lru_cache

import orjson

from service.answers.urls import Link
from service.domain.immutable import immutable

NEXT = "switchhook-next"
"""The query parameter of a follow-up."""
SIGNATURE_DIGITS = 32
MOST_REMEMBERED = 1000
"""Follow-ups that are remembered: documents name the same URLs again and again."""


@immutable
class FollowUp:
    """A URL that a document named, the method it is asked with, and when it is not asked at all."""

    url: str
    verb: str
    asked_if_empty: bool = True


def address_of(link: Link, own_url: str, key: str) -> str:
    """Return the address at which a switch asks for the document of a link."""
    verb = "POST" if link.method is None else link.method.value
    return f"{own_url}?{NEXT}={_token(link.url, verb, link.asked_if_empty, key)}"


def follow_up_in(token: str, key: str) -> FollowUp | None:
    """Return what an address stands for; None where its signature is not genuine."""
    text, _, signature = token.rpartition(".")
    if not hmac.compare_digest(signature.encode(), _signature(text, key).encode()):
        return None
    try:
        url, verb, asked_if_empty = orjson.loads(urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (binascii.Error, ValueError, TypeError):
        return None
    return FollowUp(str(url), str(verb), bool(asked_if_empty))


@lru_cache(maxsize=MOST_REMEMBERED)
def _token(url: str, verb: str, asked_if_empty: bool, key: str) -> str:  # noqa: FBT001 (it is a key of a cache)
    text = urlsafe_b64encode(orjson.dumps([url, verb, asked_if_empty])).decode().rstrip("=")
    return f"{text}.{_signature(text, key)}"


def _signature(text: str, key: str) -> str:
    return hmac.digest(key.encode(), text.encode(), "sha256").hex()[:SIGNATURE_DIGITS]
