"""Answers of all shapes, cut anywhere: what is read does not depend on the packets."""

from itertools import pairwise

from aiohttp.http_exceptions import BadStatusLine
from hypothesis import given
from hypothesis import strategies as st

from service.adapters.http.answer import AnswerReader

MOST_HEAD, MOST_BODY = 100, 40

LINE_ENDS = st.sampled_from([b"\r\n", b"\r\n", b"\r\n", b"\n", b"\r", b""])
NUMBERS = st.sampled_from([b"0", b"1", b"5", b"39", b"40", b"41", b"a", b"-1", b"1_0", b"9" * 30])
STATUS_LINES = st.sampled_from([
    b"HTTP/1.1 200 OK", b"HTTP/1.1 204", b"HTTP/1.1 500 Oh no", b"HTTP/1.0 200 OK",
    b"HTTP/1.1 100 Continue", b"HTTP/1.1 103 Hints", b"HTTP/1.1 101 Up", b"HTTP/2 200", b"HTT",
    b"HTTP/1.1 200 " + b"O" * 8178, b"HTTP/1.1 200 " + b"O" * 8179, b"HTTP/1.1 200" + b"O" * 9000,
])  # fmt: skip
HEADERS = st.one_of(
    NUMBERS.map(lambda number: b"Content-Length: " + number),
    st.sampled_from([
        b"Transfer-Encoding: chunked", b"transfer-encoding:identity", b"Connection: close", b"X: y",
        b"no colon", b": no name", b"X: " + b"x" * 90, b"Content-Length: 5, 5", b"\xff: \xfe",
    ]),
)  # fmt: skip
CHUNKS = st.tuples(NUMBERS, LINE_ENDS, st.binary(max_size=45), LINE_ENDS).map(b"".join)
BODIES = st.one_of(st.binary(max_size=90), st.lists(CHUNKS, max_size=5).map(b"".join))


@st.composite
def answers(draw: st.DrawFn) -> bytes:
    parts = []
    for _ in range(draw(st.integers(1, 3))):
        lines = [draw(STATUS_LINES), *draw(st.lists(HEADERS, max_size=4)), b""]
        parts += [part for line in lines for part in (line, draw(LINE_ENDS))]
        parts.append(draw(BODIES))
    return b"".join(parts)


def read(parts: list[bytes]) -> object:
    """Return all that can be seen of an answer."""
    reader = AnswerReader(MOST_HEAD, MOST_BODY)
    try:
        for part in parts:
            if part:
                reader.feed(part)
    except BadStatusLine:
        return None
    reader.end()
    return reader.status, reader.headers(), reader.body, reader.complete, reader.odd


@given(answers(), st.lists(st.floats(0, 1), min_size=1, max_size=6))
def test_the_packets_an_answer_comes_in_make_no_difference(
    whole: bytes, shares: list[float]
) -> None:
    at = [0, *sorted(int(share * len(whole)) for share in shares), len(whole)]
    cut = [whole[start:end] for start, end in pairwise(at)]
    assert read(cut) == read([whole])


@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_else(noise: bytes) -> None:
    read([noise])
    read([b"HTTP/1.1 200 OK\r\n", noise])
    read([b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", noise])
