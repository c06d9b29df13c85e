"""Decoding of a message's bytes, which may be anything, to a JSON object."""

import zlib
from typing import Any

import orjson

from service.domain.errors import RejectedMessage, RejectReason
from service.domain.event import Message
from service.text.json_text import as_written

MAX_DEPTH = 64
"""Accepted levels of nesting. Real messages have at most six."""

GZIP_WINDOW = 31
BYTE_ORDER_MARK = b"\xef\xbb\xbf"

GZIP = frozenset({"gzip", "x-gzip"})
AS_IT_IS = frozenset(
    {"", "identity", "utf-8", "utf8", "us-ascii", "ascii", "binary", "8bit", "7bit"}
)
"""Content encodings that need no decoding. Many publishers name the body's charset there."""
CHARSETS = frozenset({
    "iso-8859-1", "iso-8859-15", "latin-1", "latin1", "windows-1252", "cp1252",
    "utf-16", "utf-16be", "utf-16le",
})  # fmt: skip


def read_object(message: Message, max_bytes: int) -> dict[str, Any]:
    """Return the message's JSON object.

    Raises RejectedMessage if the body is not one. `max_bytes` bounds time and memory; it also
    applies to the unpacked size of a gzip body.
    """
    body = _plain(message, max_bytes)
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise _unreadable(body, error) from None
    if type(value) is not dict:
        kind = type(value).__name__
        raise RejectedMessage(RejectReason.NOT_AN_OBJECT, f"expected a JSON object, got {kind}")
    # A body with no more brackets than the limit cannot be too deep, which saves the walk.
    if body.count(b"{") + body.count(b"[") > MAX_DEPTH:
        _refuse_depth(value)
    plain: dict[str, Any] = as_written(value, body)
    return plain


def _plain(message: Message, max_bytes: int) -> bytes:
    body = message.body
    if len(body) > max_bytes:
        detail = f"{len(body)} bytes; at most {max_bytes} are allowed"
        raise RejectedMessage(RejectReason.TOO_LARGE, detail)
    if message.content_encoding:
        body = _decoded(body, message.content_encoding, max_bytes)
    return body.removeprefix(BYTE_ORDER_MARK)


def _decoded(body: bytes, content_encoding: str, max_bytes: int) -> bytes:
    encoding = content_encoding.strip().lower()
    if encoding in GZIP:
        return _gunzip(body, max_bytes)
    if encoding in CHARSETS:
        return _recoded(body, encoding)
    if encoding not in AS_IT_IS:
        detail = f"content encoding {content_encoding[:40]!r}; only gzip and charsets are allowed"
        raise RejectedMessage(RejectReason.BAD_ENCODING, detail)
    return body


def _recoded(body: bytes, charset: str) -> bytes:
    try:
        return body.decode(charset).encode()
    except UnicodeError as error:
        raise RejectedMessage(RejectReason.BAD_ENCODING, f"not {charset}: {error}") from None


def _gunzip(body: bytes, max_bytes: int) -> bytes:
    unpacker = zlib.decompressobj(wbits=GZIP_WINDOW)
    try:
        plain = unpacker.decompress(body, max_bytes + 1)
    except zlib.error as error:
        raise RejectedMessage(RejectReason.BAD_ENCODING, f"not gzip: {error}") from None
    if len(plain) > max_bytes:
        detail = f"unpacks to more than {max_bytes} bytes"
        raise RejectedMessage(RejectReason.TOO_LARGE, detail)
    if not unpacker.eof:
        raise RejectedMessage(RejectReason.BAD_ENCODING, "the gzip data ends early")
    return plain


def _unreadable(body: bytes, error: orjson.JSONDecodeError) -> RejectedMessage:
    try:
        body.decode()
    except UnicodeDecodeError as flaw:
        return RejectedMessage(RejectReason.NOT_UTF8, f"byte {flaw.start} is not UTF-8")
    if "depth" in error.msg:
        return RejectedMessage(RejectReason.TOO_DEEP, "nested more than 1024 levels deep")
    return RejectedMessage(RejectReason.NOT_JSON, error.msg)


def _refuse_depth(value: Any) -> None:
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [
            child
            for node in level
            for child in (node.values() if isinstance(node, dict) else node)
            if isinstance(child, dict | list)
        ]
        if not level:
            return
    raise RejectedMessage(RejectReason.TOO_DEEP, f"nested more than {MAX_DEPTH} levels deep")
