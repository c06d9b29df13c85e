"""Tolerant decoders for invalid AMQP properties, which would otherwise close the connection.

Some switches put microseconds, counted from the year 0, into the `timestamp` property of every
message. The AMQP codec (pamqp) turns that into a date beyond the year 9999 and raises, which closes
the connection; the message stays unacknowledged, so every later connection fails on it as well. The
same happens with short strings that are not UTF-8, and with header tables that are broken or nested
too deep.
"""

import struct
from datetime import UTC, datetime
from typing import Any

from pamqp import decode

from service.domain.errors import SwitchhookError

GREGORIAN_MICROSECONDS = struct.pack(">Q", 63_877_497_874_651_078)


def install_tolerant_decoders() -> None:
    """Replace three decoders; must run before the first connection.

    Raises SwitchhookError if the codec has changed so that the decoders have no effect.
    """
    decode.METHODS["timestamp"] = _timestamp
    decode.TABLE_MAPPING[b"T"] = _timestamp
    decode.METHODS["shortstr"] = _short_string
    decode.METHODS["table"] = _table
    _self_test()


def _timestamp(value: bytes) -> tuple[int, datetime | None]:
    seconds = int.from_bytes(value[:8], "big")
    try:
        return 8, datetime.fromtimestamp(seconds, tz=UTC)
    except (ValueError, OverflowError, OSError):
        return 8, None


def _short_string(value: bytes) -> tuple[int, str]:
    end = value[0] + 1
    return end, value[1:end].decode("utf-8", "backslashreplace")


def _table(value: bytes) -> tuple[int, dict[str, Any]]:
    """Decode headers; unreadable ones count as none, as nothing depends on a switch's headers."""
    try:
        return decode.field_table(value)
    except (ValueError, OverflowError, RecursionError, IndexError):
        return 4 + int.from_bytes(value[:4], "big"), {}


def _self_test() -> None:
    try:
        decode.by_type(GREGORIAN_MICROSECONDS, "timestamp")
        decode.by_type(b"\x02\xff\xfe", "shortstr")
        table = b"\x02\xff\xfeT" + GREGORIAN_MICROSECONDS
        decode.by_type(struct.pack(">I", len(table)) + table, "table")
    except (ValueError, OverflowError) as error:
        raise SwitchhookError(
            "the AMQP codec (pamqp) ignores the tolerant decoders, so the first message with an "
            f"invalid property would close the connection: {error}. Install the pinned version.",
        ) from error
