import struct
from datetime import UTC, datetime
from typing import Any

import pytest
from pamqp import decode

from service.adapters.rabbitmq.tolerance import GREGORIAN_MICROSECONDS, install_tolerant_decoders

install_tolerant_decoders()


def decoded(value: bytes, kind: str) -> Any:
    """Return what a value is read as; the reader must have moved exactly behind it."""
    consumed, result = decode.by_type(value + b"behind", kind)
    assert consumed == len(value)
    return result


def table(entries: bytes) -> bytes:
    return struct.pack(">I", len(entries)) + entries


def entry(name: bytes, value: bytes) -> bytes:
    return bytes([len(name)]) + name + value


def test_a_timestamp_in_microseconds_is_read_as_missing() -> None:
    assert decoded(GREGORIAN_MICROSECONDS, "timestamp") is None


def test_a_timestamp_in_seconds_is_still_a_date() -> None:
    value = struct.pack(">Q", 1_700_000_000)
    assert decoded(value, "timestamp") == datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)


@pytest.mark.parametrize("seconds", [2**64 - 1, 2**63, 253_402_300_800])
def test_a_timestamp_beyond_the_calendar_is_read_as_missing(seconds: int) -> None:
    assert decoded(struct.pack(">Q", seconds), "timestamp") is None


def test_a_timestamp_in_microseconds_inside_a_header_table_is_read_as_missing() -> None:
    headers = entry(b"a", b"T" + GREGORIAN_MICROSECONDS) + entry(
        b"b", b"S" + struct.pack(">I", 1) + b"x"
    )
    assert decoded(table(headers), "table") == {"a": None, "b": "x"}


def test_a_short_string_is_read() -> None:
    assert decoded(b"\x05Zo\xc3\xab!", "shortstr") == "Zoë!"
    assert decoded(b"\x00", "shortstr") == ""


def test_a_short_string_that_is_not_utf8_shows_its_bytes() -> None:
    assert decoded(b"\x03a\xff\xfe", "shortstr") == "a\\xff\\xfe"


def test_a_header_name_that_is_not_utf8_shows_its_bytes_or_costs_the_headers_only() -> None:
    value = decoded(table(entry(b"\xff\xfe", b"t\x01")), "table")
    assert value in ({"\\xff\\xfe": True}, {})


def test_a_header_table_is_read() -> None:
    nested = b"F" + table(entry(b"c", b"I" + struct.pack(">i", -7)))
    assert decoded(table(entry(b"a", b"t\x01") + entry(b"b", nested)), "table") == {
        "a": True,
        "b": {"c": -7},
    }
    assert decoded(table(b""), "table") == {}


def test_a_header_table_that_is_2000_levels_deep_is_read_as_empty() -> None:
    value = table(b"")
    for _ in range(2000):
        value = table(entry(b"a", b"F" + value))
    assert decoded(value, "table") == {}


@pytest.mark.parametrize(
    "entries",
    [
        entry(b"a", b"\x00what is this"),
        entry(b"a", b"S" + struct.pack(">I", 99) + b"short"),
        entry(b"a", b"T\x00\x00"),
        entry(b"a", b"I\x00"),
        entry(b"a", b""),
        b"\xff",
        entry(b"a", b"F" + struct.pack(">I", 2**32 - 1)),
        entry(b"a", b"D\x02"),
        entry(b"a", b"S" + struct.pack(">I", 2) + b"\xff\xfe"),
    ],
)
def test_a_broken_header_table_does_not_break_what_follows(entries: bytes) -> None:
    consumed, headers = decode.by_type(table(entries), "table")
    assert consumed == 4 + len(entries)
    assert isinstance(headers, dict)


def test_installing_twice_is_installing_once() -> None:
    install_tolerant_decoders()
    assert decoded(GREGORIAN_MICROSECONDS, "timestamp") is None
