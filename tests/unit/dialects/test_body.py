import gzip
import zlib
from typing import Any

import orjson
import pytest

from service.dialects.body import MAX_DEPTH, read_object
from service.domain.errors import RejectedMessage, RejectReason
from tests.builders import make_message

LIMIT = 10_000
PLAIN = b'{"a":1}'
PACKED = gzip.compress(PLAIN, mtime=0)
BOM = b"\xef\xbb\xbf"


def rejection(body: bytes, encoding: str | None = None, limit: int = LIMIT) -> RejectedMessage:
    with pytest.raises(RejectedMessage) as caught:
        read_object(make_message(body, content_encoding=encoding), limit)
    return caught.value


def nested(levels: int, opening: str = '{"a":', closing: str = "}") -> bytes:
    """Return an object with this many levels of nesting, itself the first."""
    return ('{"a":' + opening * (levels - 1) + "1" + closing * (levels - 1) + "}").encode()


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        (PLAIN, None),
        (PLAIN, ""),
        (PLAIN, "identity"),
        (b" \r\n\t" + PLAIN + b"\n", None),
        (PACKED, "gzip"),
        (PACKED + b"trailing", "gzip"),
        (PLAIN, "utf-8"),
        (PLAIN, "UTF8"),
        (PLAIN, "us-ascii"),
        (PLAIN, " Identity "),
        (PLAIN, "ISO-8859-1"),
        (PLAIN.decode().encode("utf-16"), "utf-16"),
        (PACKED, "GZIP"),
        (PACKED, "x-gzip"),
        (BOM + PLAIN, None),
        (BOM + PLAIN, "utf-8"),
        (gzip.compress(BOM + PLAIN, mtime=0), "gzip"),
    ],
)
def test_an_object_is_read(body: bytes, encoding: str | None) -> None:
    assert read_object(make_message(body, content_encoding=encoding), LIMIT) == {"a": 1}


def test_text_beyond_ascii_is_read_as_it_stands() -> None:
    value = {"name": "Žofie 📞", "Ünder": "中"}
    assert read_object(make_message(value), LIMIT) == value


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", RejectReason.NOT_JSON),
        (b"{", RejectReason.NOT_JSON),
        (b"{'a': 1}", RejectReason.NOT_JSON),
        (b'{"a": NaN}', RejectReason.NOT_JSON),
        (b'{"a": Infinity}', RejectReason.NOT_JSON),
        (b'{"a": 1e400}', RejectReason.NOT_JSON),
        (b'{"a": "\\ud800"}', RejectReason.NOT_JSON),
        (b'{"a":1}{"a":1}', RejectReason.NOT_JSON),
        (BOM, RejectReason.NOT_JSON),
        (BOM + BOM + b"{}", RejectReason.NOT_JSON),
        (b"\x83h\x02d\x00\x02okm\x00\x00\x00\x01a", RejectReason.NOT_UTF8),
        (b'{"a": "\xff"}', RejectReason.NOT_UTF8),
        (b'{"a": "\xed\xa0\x80"}', RejectReason.NOT_UTF8),
        ('{"a":1}'.encode("utf-16"), RejectReason.NOT_UTF8),
        (b"[]", RejectReason.NOT_AN_OBJECT),
        (b"null", RejectReason.NOT_AN_OBJECT),
        (b'"text"', RejectReason.NOT_AN_OBJECT),
        (b"17", RejectReason.NOT_AN_OBJECT),
        (b"true", RejectReason.NOT_AN_OBJECT),
    ],
)
def test_anything_else_is_rejected_with_the_reason(body: bytes, reason: RejectReason) -> None:
    assert rejection(body).reason is reason


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (b'{"a": "\xff"}', "byte 7 is not UTF-8"),
        (b"[]", "expected a JSON object, got list"),
        (b"null", "expected a JSON object, got NoneType"),
    ],
)
def test_a_rejection_tells_what_is_wrong(body: bytes, detail: str) -> None:
    assert rejection(body).detail == detail


def test_the_largest_body_allowed_is_read() -> None:
    body = b'{"a":"' + b"x" * (LIMIT - 8) + b'"}'
    assert len(body) == LIMIT
    assert len(read_object(make_message(body), LIMIT)["a"]) == LIMIT - 8


def test_a_larger_body_is_rejected_without_being_read() -> None:
    error = rejection(b"\xff" * (LIMIT + 1))
    assert error.reason is RejectReason.TOO_LARGE
    assert error.detail == "10001 bytes; at most 10000 are allowed"


@pytest.mark.parametrize("encoding", ["deflate", "br", "GZIP2", "gzip, gzip", "x" * 300])
def test_an_unknown_encoding_is_rejected(encoding: str) -> None:
    error = rejection(PLAIN, encoding)
    assert error.reason is RejectReason.BAD_ENCODING
    assert error.detail == f"content encoding {encoding[:40]!r}; only gzip and charsets are allowed"


def test_text_is_read_by_the_charset_that_the_publisher_names() -> None:
    message = make_message('{"name":"Žofie"}'.encode("utf-16"), content_encoding="UTF-16")
    assert read_object(message, LIMIT) == {"name": "Žofie"}
    message = make_message('{"name":"Zoë"}'.encode("latin-1"), content_encoding="latin-1")
    assert read_object(message, LIMIT) == {"name": "Zoë"}


def test_a_body_that_is_not_in_its_charset_is_rejected() -> None:
    error = rejection(b"\xff\xfe{", "utf-16")
    assert error.reason is RejectReason.BAD_ENCODING
    assert error.detail.startswith("not utf-16: ")


@pytest.mark.parametrize(
    "body",
    [b"", b"not gzip at all", PLAIN, zlib.compress(PLAIN), PACKED[:-1], PACKED[:10], PACKED[:1]],
)
def test_broken_gzip_is_rejected(body: bytes) -> None:
    assert rejection(body, "gzip").reason is RejectReason.BAD_ENCODING


def test_gzip_with_a_wrong_checksum_is_rejected() -> None:
    broken = PACKED[:-8] + bytes(4) + PACKED[-4:]
    assert rejection(broken, "gzip").reason is RejectReason.BAD_ENCODING


def test_truncated_gzip_says_that_it_ends_early() -> None:
    assert rejection(PACKED[:-1], "gzip").detail == "the gzip data ends early"


def test_a_gzip_body_may_unpack_to_the_limit_and_no_further() -> None:
    fits = b'{"a":"' + b"x" * (LIMIT - 8) + b'"}'
    message = make_message(gzip.compress(fits), content_encoding="gzip")
    assert len(read_object(message, LIMIT)["a"]) == LIMIT - 8

    error = rejection(gzip.compress(fits + b" "), "gzip")
    assert error.reason is RejectReason.TOO_LARGE
    assert error.detail == "unpacks to more than 10000 bytes"


def test_a_gzip_bomb_is_rejected() -> None:
    bomb = gzip.compress(bytes(20_000_000))
    assert len(bomb) < 20_000
    assert rejection(bomb, "gzip", limit=100_000).reason is RejectReason.TOO_LARGE


@pytest.mark.parametrize(("opening", "closing"), [('{"a":', "}"), ("[", "]")])
def test_as_many_levels_as_allowed_are_read_and_one_more_is_rejected(
    opening: str, closing: str
) -> None:
    deepest = nested(MAX_DEPTH, opening, closing)
    assert read_object(make_message(deepest), LIMIT) == orjson.loads(deepest)

    error = rejection(nested(MAX_DEPTH + 1, opening, closing))
    assert error.reason is RejectReason.TOO_DEEP
    assert error.detail == "nested more than 64 levels deep"


def test_a_wide_body_with_many_brackets_is_not_deep() -> None:
    value: dict[str, Any] = {"a": [{} for _ in range(MAX_DEPTH * 3)]}
    assert read_object(make_message(value), LIMIT) == value


@pytest.mark.parametrize("levels", [1025, 2000, 100_000])
def test_more_levels_than_any_reader_takes_are_rejected_as_too_deep(levels: int) -> None:
    assert rejection(b"[" * levels + b"]" * levels, limit=10**6).reason is RejectReason.TOO_DEEP
