"""Keys in the operator's notation: `name:base64 of 32 bytes`."""

import secrets
from base64 import b64decode, b64encode

KEY_BYTES = 32


def named_key(text: str) -> tuple[str, bytes]:
    """Return name and bytes of a key. Raises ValueError, whose text never quotes the key."""
    name, _, encoded = text.partition(":")
    try:
        key = b64decode(encoded, validate=True)
    except ValueError:
        raise ValueError("a key must be written name:base64") from None
    if not name.isalnum() or len(key) != KEY_BYTES:
        raise ValueError(f"a key must be a name, a colon and base64 of {KEY_BYTES} bytes")
    return name, key


def new_key(name: str) -> str:
    """Return a new random key in the operator's notation."""
    return f"{name}:{b64encode(secrets.token_bytes(KEY_BYTES)).decode()}"
