"""Secret box: encrypts the secrets of webhooks at rest, in the store only.

AES-256-GCM. A ciphertext is bound to its place (account, webhook, member), so that it cannot be
opened in another document. Without a key, secrets are stored in plain text.
"""

import hmac
import secrets
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from service.documents.privacy import MASK_KEY, hashes
from service.domain.request_headers import OPEN_CREDENTIALS

Document = Mapping[str, Any]

MARK = "sealed:"
NONCE_BYTES = 12
PLAIN_MEMBER = "secret"
NESTED_MEMBERS = ("headers", "auth")
LISTED_MEMBERS = ("previous_secrets",)
"""Lists of objects, each with a `secret`."""


class Unreadable(ValueError):
    """The secret was encrypted with an unknown key, or for another place."""


class SecretBox:
    """Seals with the first of its keys, opens with all of them.

    `keys` are pairs of a name and 32 bytes. The seed of each webhook's own Ed25519 key, and each
    account's key for masks that hash, are derived from `signing_key`, if there is one.
    """

    def __init__(
        self, keys: Sequence[tuple[str, bytes]] = (), signing_key: bytes | None = None
    ) -> None:
        self._keys = {name: AESGCM(key) for name, key in keys}
        self._first = keys[0][0] if keys else None
        self._signing_key = signing_key

    @property
    def seals(self) -> bool:
        """Whether there is a key to encrypt with."""
        return self._first is not None

    @property
    def makes_key_pairs(self) -> bool:
        """Whether webhooks can have their own key pair, and masks that hash."""
        return self._signing_key is not None

    def opened(self, document: Document) -> dict[str, Any]:
        """Return a webhook's document with its secrets in plain text.

        Secrets that cannot be opened become None; `unreadable` lists the members they are in.
        """
        plain, unreadable = dict(document), set[str]()

        def open_it(member: str, value: str, place: str) -> str | None:
            try:
                return self._open(value, place)
            except Unreadable:
                unreadable.add(member)
                return None

        _each_secret(plain, document, open_it)
        if unreadable:
            plain["unreadable"] = sorted(unreadable)
        if self._signing_key is not None and document.get("public_key_signature"):
            plain["signing_seed"] = self._derived("ed25519", str(document["_id"]))
        if self._signing_key is not None and hashes(document):
            plain[MASK_KEY] = self._derived("mask", str(document.get("account_id")))
        return plain

    def sealed(self, members: Document, owner: Document) -> dict[str, Any]:
        """Return members of the webhook `owner`, which has `_id` and `account_id`, for the store.

        Seals every secret text with the newest key; sealed texts must be opened before.
        """
        if self._first is None:
            return dict(members)
        safe = dict(members)
        _each_secret(safe, owner, lambda _, value, place: self._seal(value, place))
        return safe

    def is_current(self, document: Document) -> bool:
        """Return whether all secrets of a stored document are sealed with the newest key."""
        begins, found = f"{MARK}{self._first}:", list[str]()
        _each_secret(dict(document), document, lambda _, value, __: found.append(value))
        return all(value.startswith(begins) for value in found)

    def _seal(self, value: str, place: str) -> str:
        nonce = secrets.token_bytes(NONCE_BYTES)
        name = self._first or ""
        sealed = self._keys[name].encrypt(nonce, value.encode(), _bound(place, name))
        return f"{MARK}{name}:{b64encode(nonce + sealed).decode()}"

    def _open(self, value: str, place: str) -> str:
        if not value.startswith(MARK):
            return value
        name, _, text = value.removeprefix(MARK).partition(":")
        try:
            raw = b64decode(text, validate=True)
            key = self._keys[name]
            return key.decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], _bound(place, name)).decode()
        except (KeyError, ValueError, InvalidTag):
            raise Unreadable(name) from None

    def _derived(self, use: str, owner: str) -> bytes:
        """Return 32 bytes for one use and one owner, from which no others can be told."""
        return hmac.digest(self._signing_key or b"", f"{use}:{owner}".encode(), "sha256")


def secret_members(document: Document) -> list[str]:
    """Return the members of a webhook's document that hold secrets."""
    others = (name for name in (*NESTED_MEMBERS, *LISTED_MEMBERS) if name in document)
    return [*plain_members(document), *others]


def plain_members(members: Document) -> list[str]:
    """Return the members that are a secret: those of dialects have their names before it."""
    ending = f"_{PLAIN_MEMBER}"
    return [name for name in members if name == PLAIN_MEMBER or name.endswith(ending)]


def _bound(place: str, key_name: str) -> bytes:
    return f"{place}\0{key_name}".encode()


def _each_secret(
    members: dict[str, Any], owner: Document, turn: Callable[[str, str, str], str | None]
) -> None:
    """Replace each secret text by the result of `turn`, which may be None."""
    place = f"{owner.get('account_id')}\0{owner.get('_id')}"
    for name in plain_members(members):
        if isinstance(members[name], str):
            members[name] = turn(name, members[name], f"{place}\0{name}")
    for name in NESTED_MEMBERS:
        if isinstance(members.get(name), dict):
            members[name] = {
                key: value
                if not isinstance(value, str) or (name == "auth" and key in OPEN_CREDENTIALS)
                else turn(name, value, f"{place}\0{name}.{key}")
                for key, value in members[name].items()
            }
    for name in LISTED_MEMBERS:
        if isinstance(members.get(name), list):
            members[name] = [
                {**item, "secret": turn(name, item["secret"], f"{place}\0{name}")}
                if isinstance(item, dict) and isinstance(item.get("secret"), str)
                else item
                for item in members[name]
            ]
