import struct

from hypothesis import given
from hypothesis import strategies as st
from pamqp import decode

from service.adapters.rabbitmq.tolerance import install_tolerant_decoders

install_tolerant_decoders()

KINDS = b"tbBsuIilLdfDSxFATVU\x00?"
values = st.builds(lambda kind, rest: bytes([kind]) + rest, st.sampled_from(KINDS), st.binary())
entries = st.lists(
    st.builds(lambda name, value: bytes([len(name)]) + name + value, st.binary(max_size=9), values),
    max_size=4,
).map(b"".join)


@given(entries | st.binary(max_size=200))
def test_any_header_table_is_read_and_skipped_over(content: bytes) -> None:
    consumed, headers = decode.by_type(struct.pack(">I", len(content)) + content, "table")
    assert consumed == 4 + len(content)
    assert isinstance(headers, dict)


@given(st.binary(max_size=255), st.binary(max_size=20))
def test_any_short_string_is_read_and_skipped_over(content: bytes, behind: bytes) -> None:
    consumed, text = decode.by_type(bytes([len(content)]) + content + behind, "shortstr")
    assert consumed == 1 + len(content)
    assert bool(text) == bool(content)


@given(st.binary(min_size=8, max_size=8))
def test_any_timestamp_is_read_and_skipped_over(value: bytes) -> None:
    consumed, _ = decode.by_type(value, "timestamp")
    assert consumed == 8
