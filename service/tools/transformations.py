"""What happens to a body between the signature and its verification, undone one by one.

Each function returns what may have been signed, with the words for what happened since.
"""

import gzip
import json
import zlib
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Callable, Iterator
from urllib.parse import parse_qsl, quote_plus

import orjson

from service.text.json_text import read_json, write_json

MOST_BYTES = 16_777_216
"""Largest size of an unpacked body."""
DEPTH = 2
"""Changes in a row that are undone."""
MARK = b"\xef\xbb\xbf"
GO_ESCAPES = (("&", "\\u0026"), ("<", "\\u003c"), (">", "\\u003e"))

Before = tuple[str, bytes]
"""What happened, and the content before it."""


def origins(content: bytes) -> Iterator[Before]:
    """Yield what the content may have been, the simplest explanations first; each only once."""
    seen = {content}
    level: list[Before] = [("", content)]
    for _ in range(DEPTH):
        following: list[Before] = []
        for since, changed in level:
            for what, before in _undone(changed):
                if before not in seen:
                    seen.add(before)
                    words = f"{what}, then {since}" if since else what
                    following.append((words, before))
                    yield words, before
        level = following


def _undone(content: bytes) -> Iterator[Before]:
    for undo in UNDO:
        try:
            yield from undo(content)
        except (ValueError, TypeError, RecursionError, OSError, zlib.error, EOFError):
            continue


def _line_ends(content: bytes) -> Iterator[Before]:
    stripped = content.rstrip(b"\r\n")
    if stripped != content:
        yield "a line end was appended (an editor, or `echo`)", stripped
    if b"\r\n" in content:
        yield "line ends became CRLF", content.replace(b"\r\n", b"\n")
    if b"\n" in content:
        yield "CRLF became LF", content.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    if content.strip() != stripped:
        yield "blanks were added around it", content.strip()


def _packing(content: bytes) -> Iterator[Before]:
    if content[:2] == b"\x1f\x8b":
        yield "the body was compressed with gzip, and is not unpacked yet", _unpacked(content, 31)
    elif content[:1] == b"\x78":
        yield (
            "the body was compressed with deflate, and is not unpacked yet",
            _unpacked(content, 15),
        )


def _unpacked(content: bytes, window: int) -> bytes:
    unpacker = zlib.decompressobj(wbits=window)
    plain = unpacker.decompress(content, MOST_BYTES)
    if not unpacker.eof:
        raise gzip.BadGzipFile
    return plain


def _base64(content: bytes) -> Iterator[Before]:
    try:
        yield (
            "the body was encoded in base64 (as some gateways hand it on)",
            b64decode(content.strip(), validate=True),
        )
    except Base64Error:
        return


def _charset(content: bytes) -> Iterator[Before]:
    if content.startswith(MARK):
        yield "a byte order mark was put before it", content.removeprefix(MARK)
    for charset in ("iso-8859-1", "windows-1252"):
        for what, old, new in (
            (f"UTF-8 was read as {charset} and written as UTF-8", charset, "utf-8"),
            (f"UTF-8 was converted to {charset}", "utf-8", charset),
        ):
            try:
                yield what, content.decode(new).encode(old)
            except UnicodeError:
                continue
    for charset in ("utf-16", "utf-16-le", "utf-16-be") if b"\0" in content else ():
        try:
            yield f"UTF-8 was converted to {charset}", content.decode(charset).encode()
        except UnicodeError:
            continue


def _as_text(content: bytes) -> Iterator[Before]:
    """Undo a string made of the body: JSON in JSON."""
    if content[:1] == b'"':
        value = orjson.loads(content)
        if isinstance(value, str):
            yield "the body became a JSON string", value.encode()


def _json(content: bytes) -> Iterator[Before]:
    """Undo parsing and writing of JSON, as far as the order of the members was kept."""
    value = read_json(content)
    if not isinstance(value, dict | list):
        return
    what = "the JSON was parsed and written again (by a proxy, or a framework)"
    written = write_json(value)
    yield what, written
    text = written.decode()
    for character, escape in GO_ESCAPES:
        text = text.replace(character, escape)
    yield what, text.encode()
    # The numbers as Python writes them, where another writer has changed their form.
    yield (
        what,
        json.dumps(orjson.loads(content), ensure_ascii=False, separators=(",", ":")).encode(),
    )


def _form(content: bytes) -> Iterator[Before]:
    """Undo parsing and writing of a form or a query."""
    text = content.decode("ascii")
    if "=" not in text or text[:1] in ("{", "["):
        return
    pairs = parse_qsl(text, keep_blank_values=True, strict_parsing=True)
    what = "the form or query was parsed and written again (%20 for +, other percent signs)"
    yield what, "&".join(f"{quote_plus(key)}={quote_plus(value)}" for key, value in pairs).encode()


UNDO: tuple[Callable[[bytes], Iterator[Before]], ...] = (
    _line_ends, _packing, _charset, _json, _form, _as_text, _base64,
)  # fmt: skip
